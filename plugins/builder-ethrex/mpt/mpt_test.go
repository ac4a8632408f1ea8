package mpt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/proofline/proofline/sdk/witness"
)

// build makes a trie with go-ethereum and returns its root and its nodes.
func build(t testing.TB, entries map[string][]byte) ([32]byte, [][]byte) {
	t.Helper()
	db := memorydb.New()
	st := trie.NewStackTrie(func(_ []byte, hash common.Hash, blob []byte) {
		if err := db.Put(hash[:], bytes.Clone(blob)); err != nil {
			t.Fatal(err)
		}
	})
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if err := st.Update([]byte(key), entries[key]); err != nil {
			t.Fatal(err)
		}
	}
	root := st.Hash()
	var nodes [][]byte
	it := db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		nodes = append(nodes, bytes.Clone(it.Value()))
	}
	return root, nodes
}

func account(t testing.TB, root [32]byte) []byte {
	b, err := rlp.EncodeToBytes(&types.StateAccount{Nonce: 1, Balance: types.NewEmptyStateAccount().Balance, Root: root, CodeHash: types.EmptyCodeHash[:]})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFindEveryAccount(t *testing.T) {
	for _, n := range []int{1, 2, 3, 17, 300} {
		entries := map[string][]byte{}
		addresses := map[string][]byte{}
		for i := range n {
			address := crypto.Keccak256([]byte{byte(i), byte(i >> 8)})[:20]
			key := string(crypto.Keccak256(address))
			addresses[key] = address
			entries[key] = account(t, [32]byte(crypto.Keccak256([]byte(key))))
		}
		root, nodes := build(t, entries)
		table := NewTable(append(nodes, []byte{0x80}, nodes[0]))
		id, found, err := table.Root(root)
		if !found || err != nil || table.Len() != len(nodes) || len(table.Bad()) != 0 {
			t.Fatalf("%d accounts: found %v, %d nodes of %d, %v", n, found, table.Len(), len(nodes), err)
		}
		for key, address := range addresses {
			value, found, err := table.Account(id, address)
			if err != nil || !found || !bytes.Equal(value, entries[key]) {
				t.Errorf("account %x: %x, found %v, %v", address, value, found, err)
			}
			have, err := StorageRoot(value)
			if err != nil || have != [32]byte(crypto.Keccak256([]byte(key))) {
				t.Errorf("storage root of %x: %x, %v", address, have, err)
			}
		}
		if value, found, err := table.Account(id, make([]byte, 20)); found || value != nil || err != nil {
			t.Errorf("absent account: %x, found %v, %v", value, found, err)
		}
		var keys []string
		err = table.Leaves(id, func(path [32]byte, value []byte) error {
			keys = append(keys, string(path[:]))
			if !bytes.Equal(value, entries[string(path[:])]) {
				t.Errorf("leaf %x: %x", path, value)
			}
			return nil
		})
		if err != nil || !slices.Equal(keys, slices.Sorted(maps.Keys(entries))) {
			t.Errorf("%d leaves of %d, or in wrong order: %v", len(keys), n, err)
		}
	}
}

func TestMissingAndBadNodes(t *testing.T) {
	entries, addresses := map[string][]byte{}, [][]byte{}
	for i := range 200 {
		address := crypto.Keccak256([]byte{byte(i)})[:20]
		addresses = append(addresses, address)
		entries[string(crypto.Keccak256(address))] = account(t, EmptyRoot)
	}
	root, nodes := build(t, entries)
	for i := range nodes {
		if crypto.Keccak256Hash(nodes[i]) == root {
			continue
		}
		table := NewTable(slices.Delete(slices.Clone(nodes), i, i+1))
		id, _, err := table.Root(root)
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for _, address := range addresses {
			if _, _, err := table.Account(id, address); errors.Is(err, ErrMissing) {
				lost++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if lost == 0 {
			t.Errorf("node %d is missing, but all accounts are found", i)
		}
	}
	stray := NewTable(append(slices.Clone(nodes), append([]byte{0xa0}, make([]byte, 32)...), []byte{}))
	if list := stray.Bad(); len(list) != 2 || list[0].Index != len(nodes) || list[1].Index != len(nodes)+1 {
		t.Errorf("bad entries: %v", list)
	}
}

func TestDecode(t *testing.T) {
	hash := "a0" + strings.Repeat("11", 32)
	branch := func(children ...string) string {
		payload := strings.Join(children, "")
		raw, err := rlp.EncodeToBytes(rlp.RawValue(must(t, payload)))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := rlp.NewEncoderBuffer(&out)
		list := w.List()
		w.Write(raw)
		w.ListEnd(list)
		w.Flush()
		return hex.EncodeToString(out.Bytes())
	}
	many := func(n int, item string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = item
		}
		return list
	}
	for _, c := range []struct{ raw, want string }{
		{"", "not one RLP list"},
		{"80", "not one RLP list"},
		{"c0", "0 items"},
		{"c20180" + "00", "1 bytes after the RLP list"},
		{"c3018001", "3 items"},
		{branch(many(16, "80")...), "16 items"},
		{branch(many(18, "80")...), "18 items"},
		{branch(append(many(16, "80"), "c0")...), "value of the branch"},
		{branch(append([]string{"b8" + "40" + strings.Repeat("00", 64)}, many(16, "80")...)...), "child 0 of the branch: an inline node of 32 bytes or more"},
		{branch("01", "9f"+strings.Repeat("11", 31)), "child of the extension: an inline node of 32 bytes or more"},
		{branch("20", "c0"), "value of the leaf"},
	} {
		if err := new(Node).Decode(must(t, c.raw)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: have %v, want %s", c.raw, err, c.want)
		}
	}
	var n Node
	if err := n.Decode(must(t, branch(append([]string{hash, "c22001", "05"}, append(many(13, "80"), "8142")...)...))); err == nil {
		t.Error("a byte below 0x80 with a length is not canonical")
	}
	if err := n.Decode(must(t, branch(append([]string{hash, "c22001", "05"}, append(many(13, "80"), "42")...)...))); err != nil {
		t.Fatal(err)
	}
	if n.Kind != Branch || n.Child(0).Inline || len(n.Child(0).Raw) != 32 || !bytes.Equal(n.Child(1).Raw, []byte{0xc2, 0x20, 0x01}) ||
		!bytes.Equal(n.Child(2).Raw, []byte{5}) || !n.Child(3).Empty() || !bytes.Equal(n.Value(), []byte{0x42}) {
		t.Errorf("%+v", n)
	}
	for path, want := range map[string][]byte{"": {}, "00": {}, "11": {1}, "001234": {1, 2, 3, 4}, "20": {16}, "3f": {15, 16}, "20ab": {10, 11, 16}, "1abc": {10, 11, 12}} {
		p := Path(must(t, path))
		if have := p.Nibbles(make([]byte, p.Len())); !bytes.Equal(have, want) {
			t.Errorf("path %s: %v, want %v", path, have, want)
		}
	}
}

func must(t testing.TB, text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// FuzzTable looks for nodes that cause a panic or an endless walk. The input is a list of nodes,
// each after its length.
func FuzzTable(f *testing.F) {
	for _, file := range []string{"tiny/witness.json", "random/1004.witness.json", "random/1015.witness.json"} {
		w, err := witness.Read("../input/testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		var data []byte
		for _, node := range w.State {
			data = append(data, byte(len(node)>>8), byte(len(node)))
			data = append(data, node...)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var state [][]byte
		for len(data) >= 2 {
			n := min(int(data[0])<<8|int(data[1]), len(data)-2)
			state = append(state, data[2:2+n])
			data = data[2+n:]
		}
		table := NewTable(state)
		for id := range ID(table.Len()) {
			if table.Usable(id) != nil {
				continue
			}
			node := table.Node(id)
			if n := node.Path().Len(); len(node.Path().Nibbles(make([]byte, n))) != n {
				t.Errorf("path %x: other than %d nibbles", node.Path(), n)
			}
			for i := range node.width() {
				if c := node.Child(i); !c.Inline && len(c.Raw) != 32 || c.Inline && len(c.Raw) >= 32 {
					t.Errorf("child %d: %x", i, c.Raw)
				}
			}
			_, _, _ = table.Account(id, make([]byte, 20))
			if table.Len() < 64 { // the walk's bound is its caller's business
				_ = table.Leaves(id, func([32]byte, []byte) error { return nil })
			}
		}
	})
}
