package input_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk/witness"
)

func tiny(t *testing.T) (*ethblock.Block, *witness.Witness) {
	t.Helper()
	b, err := ethblock.Read("testdata/tiny/block.json")
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read("testdata/tiny/witness.json")
	if err != nil {
		t.Fatal(err)
	}
	return b, w
}

// drop removes the state entries for which unwanted returns true.
func drop(w *witness.Witness, unwanted func(node []byte) bool) {
	kept := [][]byte{}
	for _, node := range w.State {
		if !unwanted(node) {
			kept = append(kept, node)
		}
	}
	w.State = kept
}

func TestRefusals(t *testing.T) {
	isBranch := func(node []byte) bool {
		return len(node) > 0 && len(node) < 100 && node[0] == 0xf8 && bytes.Count(node, []byte{0x80}) > 10
	}
	for _, c := range []struct {
		want   string
		change func(b *ethblock.Block, w *witness.Witness)
	}{
		{"headers: none of the 1 is that of the parent, block 25000001", func(b *ethblock.Block, _ *witness.Witness) { b.Header.Number++ }},
		{"headers[0]: not one RLP list", func(_ *ethblock.Block, w *witness.Witness) { w.Headers[0] = []byte{0x80} }},
		{"headers[0]: item 0", func(_ *ethblock.Block, w *witness.Witness) { w.Headers[0] = []byte{0xc0} }},
		{"none of the 0 entries of state", func(_ *ethblock.Block, w *witness.Witness) { w.State = nil }},
		{"keys[0]: account 0x", func(_ *ethblock.Block, w *witness.Witness) { drop(w, func(n []byte) bool { return !isBranch(n) }) }},
		{"state[0] is no trie node: not one RLP list", func(_ *ethblock.Block, w *witness.Witness) { w.State[0] = []byte{} }},
		{"strict: keys is missing or null", func(_ *ethblock.Block, w *witness.Witness) { w.Keys, w.KeysGiven = nil, false }},
		{"strict: headers are objects", func(_ *ethblock.Block, w *witness.Witness) { w.Shape = witness.ShapeObjects }},
		{"strict: state, codes or keys is a map", func(_ *ethblock.Block, w *witness.Witness) { w.Shape = witness.ShapeMaps }},
		{"an Amsterdam block (it has a slotNumber)", func(b *ethblock.Block, _ *witness.Witness) { b.Header.SlotNumber = new(uint64) }},
	} {
		b, w := tiny(t)
		c.change(b, w)
		_, err := input.Build(t.Context(), b, w, strict(t, guest.G4, "mainnet"))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), fmt.Sprintf("block %d: ", b.Header.Number)) {
			t.Errorf("have %v\nwant %s", err, c.want)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	o := strict(t, guest.G4, "sepolia")
	o.Unverified = false
	b, w := tiny(t)
	if _, err := input.Build(t.Context(), b, w, o); err == nil || !strings.Contains(err.Error(), "transactions[0] is for chain 1, but the chain configuration is of chain 11155111: wrong network") {
		t.Error(err)
	}
	o = strict(t, guest.G4, "mainnet")
	o.Unverified = false
	b, w = tiny(t)
	b.Header.GasUsed++
	if _, err := input.Build(t.Context(), b, w, o); err == nil || !strings.Contains(err.Error(), "the header hashes to") {
		t.Error(err)
	}
}

// trieOf is a state trie of one account, whose storage root is given.
func trieOf(t *testing.T, address []byte, root [32]byte) []byte {
	t.Helper()
	account, err := rlp.EncodeToBytes(&types.StateAccount{Balance: uint256.NewInt(1), Root: root, CodeHash: types.EmptyCodeHash[:]})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := rlp.EncodeToBytes([][]byte{append([]byte{0x20}, crypto.Keccak256(address)...), account})
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// synthetic is a witness with this one account in its state.
func synthetic(t *testing.T, leaf []byte, others ...[]byte) (*ethblock.Block, *witness.Witness) {
	t.Helper()
	b, w := tiny(t)
	var header types.Header
	if err := rlp.DecodeBytes(w.Headers[0], &header); err != nil {
		t.Fatal(err)
	}
	header.Root = crypto.Keccak256Hash(leaf)
	raw, err := rlp.EncodeToBytes(&header)
	if err != nil {
		t.Fatal(err)
	}
	w.Headers = [][]byte{raw}
	w.State = append(others, leaf)
	return b, w
}

// TestStrayEntries checks that an entry that is no node is an error only where something refers
// to it.
func TestStrayEntries(t *testing.T) {
	address := bytes.Repeat([]byte{7}, 20)
	stray := append([]byte{0xa0}, bytes.Repeat([]byte{1}, 32)...)
	for _, format := range guest.Formats() {
		o := strict(t, format, "mainnet")
		o.Strict = false

		b, w := synthetic(t, trieOf(t, address, types.EmptyRootHash), stray)
		w.Keys = [][]byte{address}
		r, err := input.Build(t.Context(), b, w, o)
		if err != nil || len(r.Ignored) != 1 || r.Ignored[0].Index != 0 {
			t.Errorf("%s: %v", format, err)
		}

		b, w = synthetic(t, trieOf(t, address, crypto.Keccak256Hash(stray)), stray)
		w.Keys = [][]byte{address}
		if _, err := input.Build(t.Context(), b, w, o); err == nil || !strings.Contains(err.Error(), "storage trie of 0x") || !strings.Contains(err.Error(), "state[0] is no trie node") {
			t.Errorf("%s: %v", format, err)
		}

		b, w = synthetic(t, stray)
		if _, err := input.Build(t.Context(), b, w, o); err == nil || !strings.Contains(err.Error(), "state root") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestInvalidTries checks nodes that refer to each other so often that the input would be too
// large, and a chain of nodes that would be too deep for the stack.
func TestInvalidTries(t *testing.T) {
	node := []byte{0xc2, 0x20, 0x01} // a leaf
	var bomb, chain [][]byte
	for range 40 {
		hash := crypto.Keccak256(node)
		children := make([][]byte, 17)
		for i := range 16 {
			children[i] = hash
		}
		raw, err := rlp.EncodeToBytes(children)
		if err != nil {
			t.Fatal(err)
		}
		bomb = append(bomb, node)
		node = raw
	}
	link := []byte{0xc2, 0x20, 0x01}
	for range 5000 {
		chain = append(chain, link)
		raw, err := rlp.EncodeToBytes([][]byte{{0x00}, crypto.Keccak256(link)})
		if err != nil {
			t.Fatal(err)
		}
		link = raw
	}
	for _, format := range guest.Formats() {
		b, w := synthetic(t, node, bomb...)
		if _, err := input.Build(t.Context(), b, w, strict(t, format, "mainnet")); err == nil || !strings.Contains(err.Error(), "larger than 2 GiB") {
			t.Errorf("%s: %v", format, err)
		}
		b, w = synthetic(t, link, chain...)
		if _, err := input.Build(t.Context(), b, w, strict(t, format, "mainnet")); err == nil || !strings.Contains(err.Error(), "nest deeper than 1024 levels") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestUncovered checks that accounts without a key are reported.
func TestUncovered(t *testing.T) {
	address := bytes.Repeat([]byte{7}, 20)
	storageLeaf, err := rlp.EncodeToBytes([][]byte{append([]byte{0x20}, crypto.Keccak256(address)...), {0x2a}})
	if err != nil {
		t.Fatal(err)
	}
	b, w := synthetic(t, trieOf(t, address, crypto.Keccak256Hash(storageLeaf)), storageLeaf)
	w.Keys = [][]byte{bytes.Repeat([]byte{8}, 20)}
	o := strict(t, guest.G4, "mainnet")
	r, err := input.Build(t.Context(), b, w, o)
	if err != nil || r.Uncovered != 1 || r.StorageTries != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	w.Keys = append(w.Keys, address)
	r, err = input.Build(t.Context(), b, w, o)
	if err != nil || r.Uncovered != 0 || r.StorageTries != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
