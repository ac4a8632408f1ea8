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

// Options configure the building of an input.
type Options struct {
	Format guest.Format
	Config *chainspec.Config

	// Strict refuses a witness that ethrex's own converter refuses: one with state entries
	// that are no trie nodes, even if nothing refers to them (the converter ignores those
	// from ethrex v17 on), one with header objects or maps, and one without keys in a format
	// that needs them. It accepts an empty list of keys. Package strict refuses what
	// ethrex's JSON types refuse.
	Strict bool

	// Unverified skips the checks that ethrex's converter does not make: that the block has
	// its hash, that the witness belongs to the block, and that the transactions are for
	// this chain.
	Unverified bool

	// Touched executes the block on its witness and returns the addresses of all accounts
	// that it read. It is called where the format needs keys and the keys of the witness do
	// not lead to all storage in it, usually because the node gives no keys. With Strict it
	// is not called.
	Touched func(context.Context, *types.Block, *ethwitness.Witness) ([]common.Address, error)
}

// Result describes a guest input.
type Result struct {
	Archive      []byte   // the input without framing; only Build sets it
	PreStateRoot [32]byte // state root of the parent
	StorageTries int      // number of storage tries
	// KeysDerived is the number of addresses that were found by executing the block.
	KeysDerived int
	// Ignored are the state entries that are no trie node and that nothing refers to.
	Ignored []*mpt.BadEntry
	// Uncovered is the number of accounts whose storage is in the witness, but whose address
	// is not among its keys. It is 0 without Strict, where the missing keys are derived. The
	// guest fails if the block reads such storage.
	Uncovered int
	// Surplus is the number of unused entries of the witness, other than Ignored: nodes that
	// no path from the state root reaches, storage that the block does not read, and codes
	// that no account has. The input does not contain them. Codes count only without
	// Strict, and only beyond the bytes of code that the block can have created.
	Surplus int
}

// WitnessError means that the witness is at fault. Another witness may be right.
type WitnessError struct{ Err error }

func (e *WitnessError) Error() string { return e.Err.Error() }
func (e *WitnessError) Unwrap() error { return e.Err }

func witnessError(format string, args ...any) error {
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

// Prepare checks block and witness and computes the size of the guest input. The result
// writes the input from block and witness, which must not change until then. Errors begin
// with the block's number.
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
		if err := checkStrict(w, f); err != nil {
			return nil, &WitnessError{err}
		}
	}
	// The block is verified while the nodes are hashed.
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
	sizes := newTrieSizes(table)
	if root != mpt.EmptyRoot {
		id, found, err := table.Root(root)
		switch {
		case err != nil:
			return nil, witnessError("state root %x: %w", root, err)
		case !found:
			return nil, witnessError("the parent's state root %x is none of the %d entries of state", root, len(w.State))
		}
		if _, err := sizes.trie(id); err != nil {
			return nil, witnessError("state trie: %w", err)
		}
		wit.state = id
	}
	accounts, codes, err := accountsWithStorage(wit)
	if err != nil {
		return nil, witnessError("state trie: %w", err)
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
	out.Surplus += sizes.unmeasured() - len(out.Ignored)
	return in, ctx.Err()
}

// findByKeys sets the storage tries of a format that finds them by address. Where the keys
// do not cover all storage in the witness and Strict is not set, it derives the missing keys.
func findByKeys(ctx context.Context, wit *witness, out *Result, accounts []storage, b *ethblock.Block, w *ethwitness.Witness, o Options) (err error) {
	if wit.storage, err = storageByKeys(wit); err != nil {
		return err
	}
	missing := uncovered(accounts, wit.storage)
	if len(missing) > 0 && !o.Strict {
		derived, err := deriveKeys(ctx, b, w, o)
		if err != nil {
			return err
		}
		out.KeysDerived = len(derived)
		wit.keys = append(slices.Clone(w.Keys), derived...)
		if wit.storage, err = storageByKeys(wit); err != nil {
			return err
		}
		missing = nil // the block does not read the other storage
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
		account, found, err := wit.table.Account(wit.state, key)
		if err != nil {
			return nil, witnessError("keys[%d]: account 0x%x: %w", i, key, err)
		}
		if !found {
			continue
		}
		root, err := mpt.StorageRoot(account)
		if err != nil {
			return nil, witnessError("keys[%d]: account 0x%x: %w", i, key, err)
		}
		if id := wit.table.Find(root); root != mpt.EmptyRoot && id != mpt.None {
			list = append(list, storage{key, id})
		}
	}
	slices.SortFunc(list, func(a, b storage) int { return bytes.Compare(a.key, b.key) })
	return slices.CompactFunc(list, func(a, b storage) bool { return bytes.Equal(a.key, b.key) }), nil
}

// accountsWithStorage walks the state trie. It returns the accounts whose storage root is a
// node of the witness, in ascending order of the hash of their address
// (lambdaclass/ethrex:crates/common/types/block_execution_witness.rs@52e4b646:143), and the
// code hashes of all accounts.
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
			return nil //nolint:nilerr // the reference ignores such a leaf
		}
		if id := wit.table.Find(root); root != mpt.EmptyRoot && id != mpt.None {
			list = append(list, storage{path[:], id})
		}
		return nil
	})
	// Leaves come in ascending order, except where the path of an invalid leaf is too short.
	// Of leaves with the same key the last one counts.
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b storage) int { return bytes.Compare(a.key, b.key) })
	return slices.CompactFunc(list, func(a, b storage) bool { return bytes.Equal(a.key, b.key) }), codes, err
}

// neededCodes drops the codes that no account has, beyond the bytes of code that the block
// can have created, and counts them. It keeps the order and the duplicates of the others.
func neededCodes(codes [][]byte, accountCodes map[[32]byte]bool, b *ethblock.Block) (kept [][]byte, dropped int) {
	allowed := b.CreatedCode()
	for i, hash := range mpt.Hashes(codes) {
		if !accountCodes[hash] && len(codes[i]) > 0 {
			if allowed -= len(codes[i]); allowed < 0 {
				dropped++
				continue
			}
		}
		kept = append(kept, codes[i])
	}
	return kept, dropped
}

// uncovered returns the accounts whose storage trie is none of those found by keys. Accounts
// with equal storage count as covered together, because they have the same trie.
func uncovered(accounts, byKeys []storage) []storage {
	have := make(map[mpt.ID]bool, len(byKeys))
	for _, s := range byKeys {
		have[s.root] = true
	}
	return slices.DeleteFunc(slices.Clone(accounts), func(s storage) bool { return have[s.root] })
}

// deriveKeys executes the block and returns the addresses that the witness's keys lack, in
// ascending order.
func deriveKeys(ctx context.Context, b *ethblock.Block, w *ethwitness.Witness, o Options) ([][]byte, error) {
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
