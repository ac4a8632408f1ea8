package witness

import (
	"bytes"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// DeriveRoot returns the root of the trie that maps the index of each element to its
// encoding, as in transactionsRoot and withdrawalsRoot of a header. It computes the same
// as types.DeriveSha with the memory of one element's encoding. That function makes
// three more copies of an encoding, which is most of the memory that a block with a
// transaction of ten megabytes takes.
func DeriveRoot(list types.DerivableList) common.Hash {
	n := list.Len()
	if n == 0 {
		return types.EmptyRootHash
	}
	t := &indexTrie{list: list, hasher: crypto.NewKeccakState(), order: make([]uint64, 0, n)}
	// The order of the keys follows from RLP: 1 to 127 are one byte, 0 is 0x80, and all
	// others are longer and begin with a larger byte.
	for i := 1; i < min(n, 0x80); i++ {
		t.order = append(t.order, uint64(i))
	}
	t.order = append(t.order, 0)
	for i := 0x80; i < n; i++ {
		t.order = append(t.order, uint64(i))
	}
	ref := t.node(0, n, 0)
	if len(ref) == hashRef {
		return common.Hash(ref[1:])
	}
	return crypto.Keccak256Hash(ref)
}

// indexTrie is the trie of a list. At most one path of it is in memory.
type indexTrie struct {
	list   types.DerivableList
	order  []uint64 // the indices in the order of their keys
	hasher crypto.KeccakState
	value  bytes.Buffer // the encoding of one element
}

// hashRef is the length of the reference to a node by its hash. The reference to a node
// shorter than a hash is the node itself.
const hashRef = 1 + common.HashLength

// indexKey is the RLP of an index.
type indexKey struct {
	bytes [9]byte
	size  int // nibbles
}

func keyOf(index uint64) (k indexKey) {
	k.size = 2 * len(rlp.AppendUint64(k.bytes[:0], index))
	return k
}

func (k *indexKey) nibble(i int) byte {
	if i%2 == 0 {
		return k.bytes[i/2] >> 4
	}
	return k.bytes[i/2] & 15
}

// path returns the nibbles from:to of the key in the hex-prefix encoding of tries.
func (k *indexKey) path(from, to int, leaf bool) []byte {
	path := make([]byte, 1, 10)
	if leaf {
		path[0] = 0x20
	}
	if (to-from)%2 == 1 {
		path[0] |= 0x10 | k.nibble(from)
		from++
	}
	for ; from < to; from += 2 {
		path = append(path, k.nibble(from)<<4|k.nibble(from+1))
	}
	return path
}

// node returns the reference to the node of the keys order[from:to], whose first depth
// nibbles are equal.
func (t *indexTrie) node(from, to, depth int) []byte {
	first := keyOf(t.order[from])
	if to-from == 1 {
		t.value.Reset()
		t.list.EncodeIndex(int(t.order[from]), &t.value)
		path := appendString(nil, first.path(depth, first.size, true))
		return t.reference(appendStringHead(path, t.value.Bytes()), t.value.Bytes())
	}
	// The keys are in order, so all of them share the nibbles that the first and the last share.
	last, shared := keyOf(t.order[to-1]), depth
	for first.nibble(shared) == last.nibble(shared) {
		shared++
	}
	if shared > depth {
		below := t.node(from, to, shared)
		return t.reference(appendString(nil, first.path(depth, shared, false)), below)
	}
	var payload []byte
	for nibble := byte(0); nibble < 16; nibble++ {
		end := from
		for ; end < to; end++ {
			if k := keyOf(t.order[end]); k.nibble(depth) != nibble {
				break
			}
		}
		if end == from {
			payload = append(payload, 0x80)
			continue
		}
		payload = append(payload, t.node(from, end, depth+1)...)
		from = end
	}
	return t.reference(append(payload, 0x80), nil) // no key ends here
}

// reference returns the reference to the list whose payload is the two parts.
func (t *indexTrie) reference(payload, rest []byte) []byte {
	head := appendHead(nil, 0xc0, len(payload)+len(rest))
	if len(head)+len(payload)+len(rest) < common.HashLength {
		return append(append(head, payload...), rest...)
	}
	t.hasher.Reset()
	for _, part := range [][]byte{head, payload, rest} {
		t.hasher.Write(part)
	}
	ref := make([]byte, hashRef)
	ref[0] = 0x80 + common.HashLength
	t.hasher.Read(ref[1:])
	return ref
}

// appendString appends the RLP of a string.
func appendString(dst, s []byte) []byte { return append(appendStringHead(dst, s), s...) }

// appendStringHead appends the bytes that stand before the content in the RLP of a string.
func appendStringHead(dst, s []byte) []byte {
	if len(s) == 1 && s[0] < 0x80 {
		return dst
	}
	return appendHead(dst, 0x80, len(s))
}

// appendHead appends the head of a string (0x80) or a list (0xc0) of this size.
func appendHead(dst []byte, kind byte, size int) []byte {
	if size < 56 {
		return append(dst, kind+byte(size))
	}
	n := rlp.AppendUint64(nil, uint64(size)) // 56 to 127 are one byte, larger sizes have a head, which is removed
	if len(n) > 1 {
		n = n[1:]
	}
	return append(append(dst, kind+55+byte(len(n))), n...)
}
