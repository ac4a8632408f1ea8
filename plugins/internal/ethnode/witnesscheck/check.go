package witnesscheck

import (
	"fmt"
	"io"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/sdk/witness"
)

// Contents is what is remembered of a witness that streamed by.
type Contents struct {
	nodes   *nodeSet
	codes   []code
	keys    [][]byte // addresses
	headers [][]byte // RLP
}

// Read reads a witness in one pass. What it accepts is what package witness
// accepts. The errors say what is wrong with the bytes themselves; an error of src
// is in the chain.
func Read(src io.Reader) (*Contents, error) {
	c := &Contents{nodes: newNodeSet()}
	_, err := witness.Scan(src, witness.Entries{
		State: func(node []byte) error {
			c.nodes.add(node)
			return nil
		},
		Code: func(entry []byte) error {
			hash := crypto.HashData(c.nodes.hasher, entry)
			c.codes = append(c.codes, code{markOf(hash[:]), len(entry)})
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
	return c, err
}

// code is what is remembered of a code.
type code struct {
	mark
	size int // bytes
}

// Summary counts what the witness holds.
type Summary struct {
	Nodes, Codes, Headers int
	Odd                   int // entries of state that are no trie nodes
	StrayNodes            int // nodes that no other one refers to
	StrayCodes            int // codes that no account refers to, and the block cannot have created
}

// Surplus is how many entries nothing refers to.
func (s Summary) Surplus() int { return s.Odd + s.StrayNodes + s.StrayCodes }

// Against says whether the witness can be that of the block. Senders that the node
// names are taken into account. Entries that nothing refers to are counted; strict
// refuses them. The error wraps witness.ErrOtherBlock or witness.ErrIncomplete,
// except for surplus.
func (c *Contents) Against(block *witness.Block, strict bool) (Summary, error) {
	sum := Summary{Nodes: len(c.nodes.nodes), Codes: len(c.codes), Headers: len(c.headers), Odd: c.nodes.odd}
	fail := func(kind error, format string, args ...any) (Summary, error) {
		return sum, fmt.Errorf("block %d (%v%s): %w: %w", block.NumberU64(), block.Hash(), newFork(block.Header()), kind, fmt.Errorf(format, args...))
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
	if err := c.paths(block, parent.Root); err != nil {
		return fail(witness.ErrIncomplete, "%w", err)
	}
	sum.StrayNodes = c.nodes.unreferenced(parent.Root[:])
	sum.StrayCodes = c.nodes.strayCodes(c.codes, witness.CreatedCode(block.Block))
	if n := sum.Surplus(); strict && n > 0 {
		return sum, fmt.Errorf("block %d (%v): the witness has %d entries that nothing refers to (%d nodes, %d codes, %d that are no node), and strict is set",
			block.NumberU64(), block.Hash(), n, sum.StrayNodes, sum.StrayCodes, sum.Odd)
	}
	return sum, nil
}

// newFork names the fork of a block of which clients may not make complete witnesses
// yet: those that are ready for a fork are not all ready for its witnesses.
func newFork(h *types.Header) string {
	if h.BlockAccessListHash == nil && h.SlotNumber == nil {
		return ""
	}
	return ", of the fork Amsterdam"
}

// systemCall is a contract that every block of its fork calls, and slots that it
// certainly touches.
type systemCall struct {
	address common.Address
	slots   []common.Hash
}

// systemCalls are the calls before and behind the transactions: EIP-4788 of Cancun,
// and EIP-2935, EIP-7002 and EIP-7251 of Prague, which the fields of the header tell.
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

// paths follows the paths to the accounts that the block certainly reads, and looks
// for the code of those that it certainly calls.
func (c *Contents) paths(block *witness.Block, root common.Hash) error {
	if c.nodes.kept == nil {
		return nil
	}
	codes := make(map[mark]bool, len(c.codes))
	for _, code := range c.codes {
		codes[code.mark] = true
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
		if called && markOf(hash) != emptyCode && !codes[markOf(hash)] {
			return fmt.Errorf("the code %v of %s %v is missing", common.BytesToHash(hash), what, common.BytesToAddress(address))
		}
		for _, slot := range slots {
			if markOf(storage) == emptyRoot || markOf(hash) == emptyCode {
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
