package input

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/mpt"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	ethwitness "github.com/proofline/proofline/sdk/witness"
)

// Options say what to build.
type Options struct {
	Format guest.Format
	Config *chainspec.Config

	// Strict refuses what ethrex's own converter refuses of a witness that was read:
	// state entries that are no trie node although nothing refers to them (the
	// converter from ethrex v17 on passes over those), header objects and maps, and
	// witnesses without keys in a format that needs them; an empty list of keys is
	// taken as it is. What its JSON types refuse is the matter of package strict.
	Strict bool

	// Unverified skips the checks that ethrex's converter does not make: that
	// the block hashes to its hash, that the witness belongs to it, that the
	// transactions are for this chain.
	Unverified bool

	// Touched executes the block on its witness and returns the addresses of all
	// accounts that it touched. Build calls it where the format needs keys and
	// those of the witness do not lead to all storage in it, usually because the
	// node gives none. Strict prevents it.
	Touched func(context.Context, *types.Block, *ethwitness.Witness) ([]common.Address, error)
}

// Result is what is worth knowing of a guest input.
type Result struct {
	Archive      []byte   // without framing; only Build sets it
	PreStateRoot [32]byte // the parent's
	StorageTries int
	// KeysDerived is the number of addresses that were found by execution.
	KeysDerived int
	// Ignored are the entries of state that are no trie node and that nothing
	// refers to.
	Ignored []*mpt.BadEntry
	// Uncovered is the number of accounts whose storage is in the witness, but
	// whose address is not among its keys; only in strict mode is that no error.
	// The guest fails if the block touches such storage.
	Uncovered int
	// Surplus is the number of entries of the witness, other than Ignored, that
	// nothing needs: nodes that no path from the state root leads to, storage that
	// the block does not touch, and codes that no account has. They are left out,
	// the codes only where Strict is false and they are more than the block can have
	// created.
	Surplus int
}

// WitnessError is an error that lies in the witness: another one may do better.
type WitnessError struct{ Err error }

func (e *WitnessError) Error() string { return e.Err.Error() }
func (e *WitnessError) Unwrap() error { return e.Err }

func badWitness(format string, args ...any) error {
	return &WitnessError{fmt.Errorf(format, args...)}
}

// Build writes the guest input for one block into memory; see Prepare.
func Build(ctx context.Context, b *ethblock.Block, w *ethwitness.Witness, o Options) (*Result, error) {
	in, err := Prepare(ctx, b, w, o)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	archive.Grow(int(in.Size()))
	_, err = in.WriteTo(&archive)
	in.Archive = archive.Bytes()
	return in.Result, err
}

// Prepare makes everything of the guest input for one block but its bytes, which
// the result writes from block and witness: they must stay as they are until then.
// Errors begin with the block's number.
func Prepare(ctx context.Context, b *ethblock.Block, w *ethwitness.Witness, o Options) (*Input, error) {
	in, err := prepare(ctx, b, w, o)
	if err == nil {
		return in, nil
	}
	if name := fmt.Sprintf("block %d", b.Header.Number); !strings.HasPrefix(err.Error(), name) {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return nil, err
}

func prepare(ctx context.Context, b *ethblock.Block, w *ethwitness.Witness, o Options) (*Input, error) {
	f, err := formatOf(o.Format)
	if err != nil {
		return nil, err
	}
	if err := refuseAmsterdam(b, o.Config); err != nil {
		return nil, err
	}
	if o.Strict {
		if err := refuseForeign(w, f); err != nil {
			return nil, &WitnessError{err}
		}
	}
	// The checks run beside the hashing of the nodes.
	verified := make(chan error, 1)
	go func() {
		var err error
		if !o.Unverified {
			err = verify(b, w, o.Config)
		}
		verified <- err
	}()
	root, err := parentStateRoot(w.Headers, b.Header.Number)
	var table *mpt.Table
	if err == nil {
		table = mpt.NewTable(w.State)
	} else {
		err = &WitnessError{err}
	}
	if err := cmp.Or(<-verified, err); err != nil {
		return nil, err
	}
	out := &Result{PreStateRoot: root, Ignored: table.Bad()}
	if o.Strict && len(out.Ignored) > 0 {
		return nil, &WitnessError{out.Ignored[0]}
	}
	wit := &witness{codes: w.Codes, headers: w.Headers, number: b.Header.Number, config: o.Config, table: table, state: mpt.None, keys: w.Keys}
	sizes := newMeasure(table)
	if root != mpt.EmptyRoot {
		id, found, err := table.Root(root)
		switch {
		case err != nil:
			return nil, badWitness("state root %x: %w", root, err)
		case !found:
			return nil, badWitness("the parent's state root %x is none of the %d entries of state", root, len(w.State))
		}
		if _, err := sizes.trie(id); err != nil {
			return nil, badWitness("state trie: %w", err)
		}
		wit.state = id
	}
	accounts, codes, err := accountsWithStorage(wit)
	if err != nil {
		return nil, badWitness("state trie: %w", err)
	}
	if !o.Strict {
		wit.codes, out.Surplus = neededCodes(w.Codes, codes, b)
	}
	if f.hashedKeys {
		wit.storage = accounts
	} else if err := findByKeys(ctx, wit, out, accounts, b, w, o); err != nil {
		return nil, err
	}
	out.StorageTries = len(wit.storage)
	in := &Input{Result: out, format: f, block: b, witness: wit}
	if in.size, err = in.measure(sizes); err != nil {
		return nil, &WitnessError{err}
	}
	out.Surplus += sizes.unseen() - len(out.Ignored)
	return in, ctx.Err()
}

// findByKeys sets the storage tries of a format that finds them by address. Where
// the witness's keys do not cover all storage in the witness, it derives keys.
func findByKeys(ctx context.Context, wit *witness, out *Result, accounts []storage, b *ethblock.Block, w *ethwitness.Witness, o Options) (err error) {
	if wit.storage, err = storageByKeys(wit); err != nil {
		return err
	}
	missing := uncovered(accounts, wit.storage)
	if len(missing) > 0 && !o.Strict {
		derived, err := derive(ctx, b, w, o)
		if err != nil {
			return err
		}
		out.KeysDerived = len(derived)
		wit.keys = append(slices.Clone(w.Keys), derived...)
		if wit.storage, err = storageByKeys(wit); err != nil {
			return err
		}
		missing = nil // what executing the block did not lead to is not needed
	}
	out.Uncovered = len(missing)
	return nil
}

// storageByKeys finds the storage tries of the addresses among the keys
// (lambdaclass/ethrex:crates/networking/rpc/debug/execution_witness.rs@891528d:70).
func storageByKeys(wit *witness) ([]storage, error) {
	var list []storage
	if wit.state == mpt.None {
		return nil, nil
	}
	for i, key := range wit.keys {
		if len(key) != 20 {
			continue
		}
		account, err := wit.table.Account(wit.state, key)
		if err != nil {
			return nil, badWitness("keys[%d]: account 0x%x: %w", i, key, err)
		}
		if account == nil {
			continue
		}
		root, err := mpt.StorageRoot(account)
		if err != nil {
			return nil, badWitness("keys[%d]: account 0x%x: %w", i, key, err)
		}
		if id := wit.table.Find(root); root != mpt.EmptyRoot && id != mpt.None {
			list = append(list, storage{key, id})
		}
	}
	slices.SortFunc(list, func(a, b storage) int { return bytes.Compare(a.key, b.key) })
	return slices.CompactFunc(list, func(a, b storage) bool { return bytes.Equal(a.key, b.key) }), nil
}

// accountsWithStorage walks the state trie and returns the accounts whose
// storage root is a node of the witness, by the hash of their address
// (lambdaclass/ethrex:crates/common/types/block_execution_witness.rs@52e4b646:143),
// and the code hashes of all accounts.
func accountsWithStorage(wit *witness) (list []storage, codes map[[32]byte]bool, err error) {
	if wit.state == mpt.None {
		return nil, nil, nil
	}
	codes = make(map[[32]byte]bool)
	err = wit.table.Leaves(wit.state, func(path [32]byte, account []byte) error {
		if hash, ok := mpt.CodeHash(account); ok {
			codes[hash] = true
		}
		root, err := mpt.StorageRoot(account)
		if err != nil {
			return nil //nolint:nilerr // the reference passes over such a leaf
		}
		if id := wit.table.Find(root); root != mpt.EmptyRoot && id != mpt.None {
			list = append(list, storage{path[:], id})
		}
		return nil
	})
	// Leaves come in order, except where a made-up path is too short.
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b storage) int { return bytes.Compare(a.key, b.key) })
	return slices.CompactFunc(list, func(a, b storage) bool { return bytes.Equal(a.key, b.key) }), codes, err
}

// neededCodes leaves codes out that no account has, beyond what the block can have
// created, and counts them. The order of the others stays, and so do repetitions of
// those that are needed.
func neededCodes(codes [][]byte, had map[[32]byte]bool, b *ethblock.Block) (kept [][]byte, left int) {
	allowed := b.CreatedCode()
	for i, hash := range mpt.Hashes(codes) {
		if !had[hash] && len(codes[i]) > 0 {
			if allowed -= len(codes[i]); allowed < 0 {
				left++
				continue
			}
		}
		kept = append(kept, codes[i])
	}
	return kept, left
}

// uncovered returns the accounts whose storage trie is none of those found by
// keys. Accounts with equal storage cover each other, since the witness cannot
// tell whose it is for.
func uncovered(accounts, byKeys []storage) []storage {
	have := make(map[mpt.ID]bool, len(byKeys))
	for _, s := range byKeys {
		have[s.root] = true
	}
	return slices.DeleteFunc(slices.Clone(accounts), func(s storage) bool { return have[s.root] })
}

// derive executes the block to find the addresses that the witness's keys lack,
// ascending.
func derive(ctx context.Context, b *ethblock.Block, w *ethwitness.Witness, o Options) ([][]byte, error) {
	if o.Touched == nil {
		return nil, fmt.Errorf("the keys of the witness, which format %s needs, are missing or not complete", o.Format)
	}
	block, err := b.Verify()
	if err != nil {
		return nil, fmt.Errorf("finding the keys that the witness lacks: %w", err)
	}
	addresses, err := o.Touched(ctx, block, w)
	if err != nil {
		return nil, fmt.Errorf("finding the keys that the witness lacks, by executing the block: %w", err)
	}
	known := make(map[common.Address]bool, len(w.Keys))
	for _, address := range w.Addresses() {
		known[common.Address(address)] = true
	}
	slices.SortFunc(addresses, common.Address.Cmp)
	var keys [][]byte
	for _, a := range slices.Compact(addresses) {
		if !known[a] {
			keys = append(keys, a.Bytes())
		}
	}
	return keys, nil
}
