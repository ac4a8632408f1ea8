package witness

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// Errors that Check and Parent wrap.
var (
	// ErrOtherBlock means that the witness was made for another block than the given
	// one, for example for the block of the same number on another fork.
	ErrOtherBlock = errors.New("the witness belongs to another block")
	// ErrIncomplete means that the witness lacks something that every execution needs.
	ErrIncomplete = errors.New("the witness is incomplete")
)

// Parent returns the header whose hash is the block's parent hash. The error
// wraps ErrOtherBlock or ErrIncomplete.
func (w *Witness) Parent(block *types.Block) (*types.Header, error) {
	chain, err := w.Ancestors(block)
	if err != nil {
		return nil, err
	}
	return chain[0], nil
}

// Ancestors returns the headers as a chain: first the block's parent, then the parent's
// parent, and so on. It fails if the block's parent is missing, if a header cannot be
// decoded, and if a header is not part of that chain. The error wraps ErrOtherBlock or
// ErrIncomplete, except for block 0, which has no parent.
func (w *Witness) Ancestors(block *types.Block) ([]*types.Header, error) {
	fail := func(kind error, format string, args ...any) ([]*types.Header, error) {
		return nil, fmt.Errorf("block %d (%v): %w: %w", block.NumberU64(), block.Hash(), kind, fmt.Errorf(format, args...))
	}
	if block.NumberU64() == 0 {
		return nil, errors.New("block 0: the genesis block has no parent and no witness")
	}
	if len(w.Headers) == 0 {
		return fail(ErrIncomplete, "it holds no header; the parent %v is needed", block.ParentHash())
	}
	type entry struct {
		header *types.Header
		hash   common.Hash
	}
	entries := make([]entry, 0, len(w.Headers))
	for i, raw := range w.Headers {
		header := new(types.Header)
		if err := rlp.DecodeBytes(raw, header); err != nil {
			return fail(ErrIncomplete, "headers[%d]: %w", i, err)
		}
		if !header.Number.IsUint64() {
			return fail(ErrIncomplete, "headers[%d]: number of more than 64 bits", i)
		}
		entries = append(entries, entry{header, crypto.Keccak256Hash(raw)})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return b.header.Number.Cmp(a.header.Number) })
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.hash == b.hash })

	want, number := block.ParentHash(), block.NumberU64()-1
	chain := make([]*types.Header, 0, len(entries))
	for _, e := range entries {
		have := e.header.Number.Uint64()
		switch {
		case e.hash == want && have == number:
		case len(chain) == 0 && have == number:
			return fail(ErrOtherBlock, "its header of block %d is %v, the block's parent is %v", have, e.hash, want)
		case len(chain) == 0:
			return fail(ErrOtherBlock, "its newest header is of block %d (%v), the parent %v of block %d is not there", have, e.hash, want, number)
		case have == number:
			return fail(ErrIncomplete, "its header of block %d is %v, but the chain below the block has %v", have, e.hash, want)
		default:
			return fail(ErrIncomplete, "its headers have a gap: block %d is missing above block %d", number, have)
		}
		chain = append(chain, e.header)
		want, number = e.header.ParentHash, number-1
	}
	return chain, nil
}

// Check fails unless the witness is one for this block: its headers form a chain without
// gaps that begins with the block's parent, and the parent's state root is the hash of a
// node of the witness or that of the empty trie. It cannot find out whether every node
// and code is present, which only execution does. The error wraps ErrOtherBlock or
// ErrIncomplete.
func (w *Witness) Check(block *types.Block) error {
	parent, err := w.Parent(block)
	if err != nil {
		return err
	}
	if parent.Root == types.EmptyRootHash {
		return nil
	}
	hasher := crypto.NewKeccakState()
	for _, node := range w.State {
		if crypto.HashData(hasher, node) == parent.Root {
			return nil
		}
	}
	return fmt.Errorf("block %d (%v): %w: the parent's state root %v is none of its %d state nodes",
		block.NumberU64(), block.Hash(), ErrIncomplete, parent.Root, len(w.State))
}
