"""Random cases and what the reference writer makes of them.

usage: reference.py TOOLS CONFIGS SEED COUNT

TOOLS is the folder of ethrex_rkyv_ref.py and ethrex_fuzz_cases.py, CONFIGS that
of the chain configurations. Speaks with its parent through standard input and
output; a message is a letter and byte strings, each with its length before it
(u32, little-endian):

  K data                          asks for the Keccak-256 of data; the answer is
                                  32 bytes. (Python would need 1 ms per block.)
  C name network block witness    a case, and for g4, g7, g8, g9, zec7, zec each a
    (result)*6                    string: "+" and the archive, "-" and why the
                                  reference writer refuses it, or "?" for not tried

Every case is followed by a damaged copy, which the reference mostly refuses; it is
tried with and without keys, as g4 and zec. One case in fifty has many accounts.
"""
import copy, json, random, struct, sys

sys.path.insert(0, sys.argv[1])
import ethrex_rkyv_ref as ref
import ethrex_fuzz_cases as cases

FORMATS = ('g4', 'g7', 'g8', 'g9', 'zec7', 'zec')
out, known = sys.stdout.buffer, {}


def send(letter, *strings):
    out.write(letter)
    for s in strings:
        out.write(struct.pack('<I', len(s)) + s)


def keccak(data):
    data = bytes(data)
    if data not in known:
        send(b'K', data)
        out.flush()
        known[data] = sys.stdin.buffer.read(32)
    return known[data]


# g9 is g8 with hegota_time behind amsterdam_time, the 28th field of the chain
# configuration (crates.io ethrex-common@21.0.0:types/genesis.rs).
AMSTERDAM = 27
plain_config = ref.config


def config_g9(c, g8=False):
    s = plain_config(c, g8)
    time = c.get('hegotaTime')
    hegota = ref.opt(None if time is None else ref.P(ref.u64(time)), 8)
    return ref.Struct(*s.f[:AMSTERDAM + 1], hegota, *s.f[AMSTERDAM + 1:])


def program_input_g9(block, witness, config):
    ref.config = config_g9
    try:
        return ref.program_input_g8(block, witness, config)
    finally:
        ref.config = plain_config


ref.FORMATS['g9'] = program_input_g9


# The one hash function of both modules, after a check against its original.
for probe in (b'', b'\x80', bytes(range(200))):
    assert keccak(probe) == ref.keccak(probe)
ref.keccak = cases.K = keccak


class Sized(random.Random):
    """A generator whose first choice, the number of accounts, is given."""
    accounts = None

    def choice(self, options):
        n, self.accounts = self.accounts, None
        return super().choice(options) if n is None else n


def case(seed, accounts):
    plain = random.Random

    def sized(s):
        r = Sized(s)
        r.accounts = accounts
        return r
    if accounts is not None:
        random.Random = sized
    try:
        return cases.case(seed)
    finally:
        random.Random = plain


def damage(r, block, witness):
    """Changes one thing."""
    def change(d, k):
        v = d[k]
        how = r.randrange(6)
        if how == 0:
            del d[k]
        elif how == 1:
            d[k] = None
        elif how == 2 and isinstance(v, str):
            d[k] = v[:-1]
        elif how == 3 and isinstance(v, str):
            d[k] = v + r.choice(['0', '00', 'g'])
        elif how == 4:
            d[k] = r.choice(['0x', '0x10000000000000000', '0x7f', {}, [], '0x' + '1' * 65])
        elif isinstance(v, list) and v:
            i = r.randrange(len(v))
            if isinstance(v[i], str):
                b = bytearray(bytes.fromhex(v[i][2:]))
                if b:
                    b[r.randrange(len(b))] ^= 1 << r.randrange(8)
                v[i] = '0x' + b.hex()
            else:
                del v[i]
    targets = [block, witness, witness, witness] + block['transactions'] + block['withdrawals']
    d = r.choice(targets)
    change(d, r.choice(sorted(d)))


def result(name, block, witness, config):
    try:
        return b'+' + ref.to_bytes(ref.FORMATS[name](block, witness, config))
    except (ArithmeticError, AttributeError, LookupError, ref.Missing, TypeError, ValueError, struct.error) as e:
        return b'-' + repr(e).encode()


def main():
    sys.setrecursionlimit(20000)
    first, count = int(sys.argv[3]), int(sys.argv[4])
    configs = {}
    for net in cases.NETS:
        with open('%s/%s.json' % (sys.argv[2], net)) as f:
            configs[net] = json.load(f)
    for seed in range(first, first + count):
        r = random.Random('damage %d' % seed)
        accounts = r.randrange(240, 2100) if seed % 50 == 0 else None
        net = cases.NETS[seed % 4]
        block, witness = case(seed, accounts)
        for name in ('%d' % seed, '%d damaged' % seed):
            formats = FORMATS
            if name.endswith('damaged'):
                formats = ('g4', 'zec')
                block, witness = copy.deepcopy(block), copy.deepcopy(witness)
                damage(r, block, witness)
            send(b'C', name.encode(), net.encode(), json.dumps(block).encode(), json.dumps(witness).encode(),
                 *[result(f, block, witness, configs[net]) if f in formats else b'?' for f in FORMATS])
            out.flush()
        known.clear()


main()
