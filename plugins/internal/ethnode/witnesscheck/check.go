package witnesscheck

import (
	"fmt"
	"io"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/sdk/witness"
)

// Contents is what Read keeps of a witness.
type Contents struct {
	nodes   *nodeSet
	codes   []code
	keys    [][]byte // addresses
	headers [][]byte // RLP
}

// Read reads a witness in one pass. It accepts what package witness accepts. Its
// errors name faults of the bytes themselves, and wrap an error of src.
func Read(src io.Reader) (*Contents, error) {
	c := &Contents{nodes: newNodeSet()}
	codes := batch{use: func(entry []byte, hash [32]byte) (keeps bool) {
		c.codes = append(c.codes, code{shorten(hash[:]), len(entry)})
		return false
	}}
	_, err := witness.Scan(src, witness.Entries{
		State: func(node []byte) error {
			c.nodes.add(node)
			return nil
		},
		Code: func(entry []byte) error {
			codes.add(entry)
			return nil
		},
		Key: func(key []byte) error {
			if len(key) == common.AddressLength && c.nodes.kept != nil {
				c.keys = append(c.keys, append([]byte(nil), key...))
			}
			return nil
		},
		Header: func(header []byte) error {
			c.headers = append(c.headers, append([]byte(nil), header...))
			return nil
		},
	})
	c.nodes.batch.flush()
	codes.flush()
	return c, err
}

// code is the hash and the size of a contract's code.
type code struct {
	shortHash
	size int // bytes
}

// Summary counts the entries of a witness.
type Summary struct {
	Nodes, Codes, Headers int
	NotNodes              int // state entries that are no trie nodes
	StrayNodes            int // nodes that no other node refers to
	StrayCodes            int // codes that no account refers to and that the block cannot have created
}

// Surplus returns the number of entries that nothing refers to.
func (s Summary) Surplus() int { return s.NotNodes + s.StrayNodes + s.StrayCodes }

// Check checks whether the witness can be the one of the block, including the senders
// that the node has put into the block's JSON. It counts entries that nothing refers
// to; with strict these are an error. Any other error wraps witness.ErrOtherBlock or
// witness.ErrIncomplete. Check may be called once.
func (c *Contents) Check(block *witness.Block, strict bool) (Summary, error) {
	sum := Summary{Nodes: len(c.nodes.nodes), Codes: len(c.codes), Headers: len(c.headers), NotNodes: c.nodes.notNodes}
	fail := func(kind error, format string, args ...any) (Summary, error) {
		return sum, fmt.Errorf("block %d (%v%s): %w: %w", block.NumberU64(), block.Hash(), forkNote(block.Header()), kind, fmt.Errorf(format, args...))
	}
	w := &witness.Witness{Headers: c.headers}
	parent, err := w.Parent(block.Block)
	if err != nil {
		return sum, err
	}
	if parent.Root == types.EmptyRootHash {
		return sum, nil
	}
	if !c.nodes.has(parent.Root[:]) {
		return fail(witness.ErrIncomplete, "the parent's state root %v is none of its %d state nodes", parent.Root, sum.Nodes)
	}
	if err := c.checkPaths(block, parent.Root); err != nil {
		return fail(witness.ErrIncomplete, "%w", err)
	}
	sum.StrayNodes = c.nodes.unreferenced(parent.Root[:])
	sum.StrayCodes = c.nodes.strayCodes(c.codes, witness.CreatedCode(block.Block))
	if n := sum.Surplus(); strict && n > 0 {
		return sum, fmt.Errorf("block %d (%v): the witness has %d entries that nothing refers to (%d nodes, %d codes, %d that are no node), and strict is set",
			block.NumberU64(), block.Hash(), n, sum.StrayNodes, sum.StrayCodes, sum.NotNodes)
	}
	return sum, nil
}

// forkNote returns a note for error messages where the block belongs to a fork for
// which some clients do not make complete witnesses yet, otherwise an empty text.
func forkNote(h *types.Header) string {
	if h.BlockAccessListHash == nil && h.SlotNumber == nil {
		return ""
	}
	return ", of the fork Amsterdam"
}

// systemCall is a contract that every block of its fork calls, with storage slots that
// the call certainly reads or writes.
type systemCall struct {
	address common.Address
	slots   []common.Hash
}

// systemCalls returns the system calls before and after the transactions of a block:
// EIP-4788 of Cancun, and EIP-2935, EIP-7002 and EIP-7251 of Prague. The fields of the
// header determine the fork.
func systemCalls(h *types.Header) (list []systemCall) {
	slot := func(n uint64) common.Hash { return common.BigToHash(new(big.Int).SetUint64(n)) }
	if h.ParentBeaconRoot != nil {
		const ring = 8191
		list = append(list, systemCall{params.BeaconRootsAddress, []common.Hash{slot(h.Time % ring), slot(h.Time%ring + ring)}})
	}
	if h.RequestsHash != nil {
		list = append(list, systemCall{params.HistoryStorageAddress, []common.Hash{slot((h.Number.Uint64() - 1) % params.HistoryServeWindow)}},
			systemCall{address: params.WithdrawalQueueAddress}, systemCall{address: params.ConsolidationQueueAddress})
	}
	return list
}

// checkPaths checks that the witness has the nodes on the paths to the accounts that
// the block certainly reads, and the code of those that it certainly calls.
func (c *Contents) checkPaths(block *witness.Block, root common.Hash) error {
	if c.nodes.kept == nil {
		return nil
	}
	codes := make(map[shortHash]bool, len(c.codes))
	for _, code := range c.codes {
		codes[code.shortHash] = true
	}
	walk := func(what string, address []byte, called bool, slots ...common.Hash) error {
		value, missing := c.nodes.walk(root[:], address)
		if missing != nil {
			return fmt.Errorf("the path to %s %v ends at the node %v, which is missing", what, common.BytesToAddress(address), common.BytesToHash(missing))
		}
		storage, hash, ok := account(value)
		if !ok {
			return nil
		}
		if called && shorten(hash) != emptyCode && !codes[shorten(hash)] {
			return fmt.Errorf("the code %v of %s %v is missing", common.BytesToHash(hash), what, common.BytesToAddress(address))
		}
		for _, slot := range slots {
			if shorten(storage) == emptyRoot || shorten(hash) == emptyCode {
				break
			}
			if _, missing := c.nodes.walk(storage, slot[:]); missing != nil {
				return fmt.Errorf("the path to slot %v of %s %v ends at the node %v, which is missing", slot, what, common.BytesToAddress(address), common.BytesToHash(missing))
			}
		}
		return nil
	}
	for _, s := range systemCalls(block.Header()) {
		if err := walk("the system contract", s.address[:], true, s.slots...); err != nil {
			return err
		}
	}
	for i, tx := range block.Transactions() {
		if from := block.Senders[i]; from != (common.Address{}) {
			if err := walk("the sender", from[:], false); err != nil {
				return err
			}
		}
		if to := tx.To(); to != nil {
			if err := walk("the recipient", to[:], true); err != nil {
				return err
			}
		}
	}
	for _, wd := range block.Withdrawals() {
		if wd.Amount > 0 {
			if err := walk("the withdrawal to", wd.Address[:], false); err != nil {
				return err
			}
		}
	}
	for _, address := range c.keys {
		if err := walk("the key", address, false); err != nil {
			return err
		}
	}
	return nil
}
