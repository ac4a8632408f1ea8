package witnesscheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb/database"

	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// check reads a witness and checks it against the block.
func check(block *witness.Block, text []byte) (Summary, error) {
	c, err := Read(bytes.NewReader(text))
	if err != nil {
		return Summary{}, err
	}
	return c.Check(block, false)
}

func recorded(t testing.TB, dir string) (*witness.Block, []byte) {
	chain, err := ethnodetest.Recorded(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	block, err := witness.DecodeBlock(chain.Head().JSON())
	if err != nil {
		t.Fatal(err)
	}
	return block, chain.Head().Witness()
}

// edit returns a witness with changed members.
func edit(t testing.TB, text []byte, change func(w map[string][]string)) []byte {
	t.Helper()
	w, err := witness.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	members := map[string][]string{"state": hexes(w.State), "codes": hexes(w.Codes), "headers": hexes(w.Headers)}
	change(members)
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func hexes(list [][]byte) []string {
	out := []string{}
	for _, b := range list {
		out = append(out, "0x"+common.Bytes2Hex(b))
	}
	return out
}

// TestRecordedWitnessesPass checks that the recorded witnesses of geth, and those of public
// chains where the shared data are present, pass without surplus entries, except for the known
// ones.
func TestRecordedWitnessesPass(t *testing.T) {
	var dirs []string
	for n := 1; n <= 19; n++ {
		dirs = append(dirs, witnesstest.Geth(t, n))
	}
	if root, err := witnesstest.Find("data"); err == nil {
		for _, chain := range []string{"mainnet", "hoodi", "holesky"} {
			found, err := filepath.Glob(filepath.Join(root, chain, "*", "witness.json.gz"))
			if err != nil || len(found) == 0 {
				t.Fatalf("no witnesses of %s: %v", chain, err)
			}
			for _, path := range found {
				dirs = append(dirs, filepath.Dir(path))
			}
		}
	}
	for _, dir := range dirs {
		block, text := recorded(t, dir)
		full, err := witness.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := check(block, text)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		if sum.Nodes != len(full.State)-sum.NotNodes || sum.Codes != len(full.Codes) || sum.Headers != len(full.Headers) || sum.NotNodes > 9 {
			t.Errorf("%s: %+v; package witness reads %d nodes, %d codes, %d headers", dir, sum, len(full.State), len(full.Codes), len(full.Headers))
		}
		if sum.StrayNodes+sum.StrayCodes > 0 {
			t.Logf("%s: %+v", dir, sum)
		}
	}
}

// TestMissing removes the nodes of witnesses one at a time. Without execution the check must
// find every missing node on the path to an account that the block certainly reads, and the
// missing code of an account that it certainly calls.
func TestMissing(t *testing.T) {
	for n := 1; n <= 19; n++ {
		block, text := recorded(t, witnesstest.Geth(t, n))
		full, err := witness.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		parent, err := full.Parent(block.Block)
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for i := range full.State {
			_, err := check(block, edit(t, text, func(w map[string][]string) { w["state"] = slices.Delete(w["state"], i, i+1) }))
			if err == nil {
				continue
			}
			if seen++; !errors.Is(err, witness.ErrIncomplete) {
				t.Errorf("block %d without node %d: %v", n, i, err)
			}
		}
		// The root, and at least the nodes on the way to one sender.
		want := 1
		if len(block.Senders) > 0 {
			want += len(way(t, full, parent.Root, block.Senders[0]))
		}
		// Every node on the way to every recipient, the senders being unknown.
		unnamed := *block
		unnamed.Senders = make([]common.Address, len(block.Senders))
		for _, tx := range block.Transactions() {
			if tx.To() == nil {
				continue
			}
			for _, hash := range way(t, full, parent.Root, *tx.To()) {
				_, err := check(&unnamed, edit(t, text, func(w map[string][]string) {
					w["state"] = slices.DeleteFunc(w["state"], func(node string) bool { return crypto.Keccak256Hash(common.FromHex(node)) == hash })
				}))
				if !errors.Is(err, witness.ErrIncomplete) {
					t.Errorf("block %d without the node %v on the way to %v: %v", n, hash, tx.To(), err)
				}
			}
		}
		if seen < want {
			t.Errorf("block %d: %d of %d missing nodes are seen, want %d at least", n, seen, len(full.State), want)
		}
		t.Logf("block %d: %d of %d missing nodes are seen", n, seen, len(full.State))
		_, err = check(block, edit(t, text, func(w map[string][]string) { w["codes"] = nil }))
		if err == nil || !strings.Contains(err.Error(), "the code 0x") {
			t.Errorf("block %d without codes: %v", n, err)
		}
	}
}

// way returns the hashes of the nodes below the root on the path to an account.
func way(t *testing.T, w *witness.Witness, root common.Hash, address common.Address) []common.Hash {
	byHash := map[common.Hash][]byte{}
	for _, node := range w.State {
		byHash[crypto.Keccak256Hash(node)] = node
	}
	db := &nodes{byHash: byHash}
	tr, err := trie.New(trie.StateTrieID(root), db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Get(crypto.Keccak256(address[:])); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(db.asked, func(hash common.Hash) bool { return hash == root })
}

// nodes is a go-ethereum trie database of a witness's nodes. It records the nodes that
// go-ethereum reads.
type nodes struct {
	byHash map[common.Hash][]byte
	asked  []common.Hash
}

func (n *nodes) NodeReader(common.Hash) (database.NodeReader, error) { return n, nil }

func (n *nodes) Node(_ common.Hash, _ []byte, hash common.Hash) ([]byte, error) {
	n.asked = append(n.asked, hash)
	return n.byHash[hash], nil
}

// TestNewForkIsNamed checks that the error for an incomplete witness names a new fork, because
// the node may not support that fork yet.
func TestNewForkIsNamed(t *testing.T) {
	block, text := recorded(t, witnesstest.Geth(t, 18))
	text = edit(t, text, func(w map[string][]string) { w["state"] = []string{} })
	for name, change := range map[string]func(h *types.Header){
		"":                         func(*types.Header) {},
		", of the fork Amsterdam":  func(h *types.Header) { h.SlotNumber = new(uint64) },
		", of the fork Amsterdam)": func(h *types.Header) { h.BlockAccessListHash = new(common.Hash) },
	} {
		h := block.Header()
		change(h)
		changed := *block
		changed.Block = types.NewBlockWithHeader(h).WithBody(*block.Body())
		_, err := check(&changed, text)
		if !errors.Is(err, witness.ErrIncomplete) || !strings.Contains(err.Error(), name) || name == "" && strings.Contains(err.Error(), "Amsterdam") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestSurplus checks that entries that nothing refers to are counted, and are an error only
// with strict.
func TestSurplus(t *testing.T) {
	block, text := recorded(t, witnesstest.Geth(t, 7))
	_, next := recorded(t, witnesstest.Geth(t, 8))
	full, err := witness.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	strayLeaf, noNode := "0xe9a020"+strings.Repeat("ab", 31)+"8701020304050607", "0x"+strings.Repeat("11", 33)
	for name, c := range map[string]struct {
		change func(w map[string][]string)
		want   Summary
	}{
		"nothing":      {func(map[string][]string) {}, Summary{}},
		"a stray leaf": {func(w map[string][]string) { w["state"] = append(w["state"], strayLeaf) }, Summary{StrayNodes: 1}},
		"no node":      {func(w map[string][]string) { w["state"] = append([]string{noNode, "0x80"}, w["state"]...) }, Summary{NotNodes: 2}},
		"codes": {func(w map[string][]string) {
			w["codes"] = append(w["codes"], "0x600060005500"+strings.Repeat("5b", 24000), "0x")
		}, Summary{StrayCodes: 1}},
		"duplicates": {func(w map[string][]string) {
			w["state"] = append(w["state"], w["state"]...)
			w["codes"] = append(w["codes"], w["codes"]...)
		}, Summary{}},
		"the next block's state": {func(w map[string][]string) {
			other, err := witness.Decode(next)
			if err != nil {
				t.Fatal(err)
			}
			for _, node := range hexes(other.State) {
				if !slices.Contains(w["state"], node) {
					w["state"] = append(w["state"], node)
				}
			}
		}, Summary{StrayNodes: 1}}, // its root, which refers to the others
	} {
		contents, err := Read(bytes.NewReader(edit(t, text, c.change)))
		if err != nil {
			t.Fatal(err)
		}
		sum, err := contents.Check(block, false)
		if err != nil || sum.StrayNodes != c.want.StrayNodes || sum.StrayCodes != c.want.StrayCodes || sum.NotNodes != c.want.NotNodes || sum.Nodes < len(full.State) {
			t.Errorf("%s: %+v, %v; want %+v", name, sum, err, c.want)
		}
		if contents, err = Read(bytes.NewReader(edit(t, text, c.change))); err != nil {
			t.Fatal(err)
		}
		if _, err := contents.Check(block, true); (err != nil) != (c.want.Surplus() > 0) {
			t.Errorf("%s, strict: %v", name, err)
		}
	}
}

// TestDeepPaths checks that a path that ends in a branch of the last nibble is followed to its
// end.
func TestDeepPaths(t *testing.T) {
	for _, shared := range []int{0, 1, 61, 62, 63} {
		s := newNodeSet()
		key := crypto.Keccak256([]byte("a key"))
		other := bytes.Clone(key)
		other[shared/2] ^= byte(0x10 >> (4 * (shared % 2)))
		pair := [][]byte{key, other}
		slices.SortFunc(pair, bytes.Compare)
		st := trie.NewStackTrie(func(_ []byte, _ common.Hash, blob []byte) { s.add(blob) })
		for _, k := range pair {
			if err := st.Update(k, append(bytes.Repeat([]byte{7}, 40), k...)); err != nil {
				t.Fatal(err)
			}
		}
		root := st.Hash()
		s.batch.flush()
		value, missing := s.walk(root[:], []byte("a key"))
		if missing != nil || !bytes.Equal(value, append(bytes.Repeat([]byte{7}, 40), key...)) {
			t.Errorf("two keys that share %d nibbles: value %x, missing %x", shared, value, missing)
		}
		for m := range s.kept {
			if m == shorten(root[:]) {
				continue
			}
			cut := newNodeSet()
			for k, v := range s.kept {
				if k != m {
					cut.kept[k] = v
				}
			}
			_, missing := cut.walk(root[:], []byte("a key"))
			onTheWay := s.reaches(root[:], []byte("a key"), m)
			if (missing != nil) != onTheWay {
				t.Errorf("two keys that share %d nibbles, a node less: missing %x, it is on the way: %v", shared, missing, onTheWay)
			}
		}
	}
}

// TestTooLongPaths checks that nodes below the last nibble of a key are ignored.
func TestTooLongPaths(t *testing.T) {
	encode := func(items ...[]byte) []byte {
		text, err := rlp.EncodeToBytes(items)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	key := crypto.Keccak256([]byte("a key"))
	path := []byte{} // the nibbles of the key, and what would come behind them
	for _, b := range append(bytes.Clone(key), key...) {
		path = append(path, b>>4, b&15)
	}
	// below is a branch under so many nibbles of the key, above a node.
	below := func(s *nodeSet, depth int, node []byte) []byte {
		for depth--; depth >= 0; depth-- {
			s.add(node)
			children := make([][]byte, 17)
			children[path[depth]] = crypto.Keccak256(node)
			node = encode(children...)
		}
		s.add(node)
		s.batch.flush()
		return crypto.Keccak256(node)
	}
	leaf := func(nibbles []byte) []byte {
		prefix := []byte{0x20}
		if len(nibbles)%2 == 1 {
			prefix[0], nibbles = 0x30|nibbles[0], nibbles[1:]
		}
		for i := 0; i < len(nibbles); i += 2 {
			prefix = append(prefix, nibbles[i]<<4|nibbles[i+1])
		}
		return encode(prefix, bytes.Repeat([]byte{7}, 40))
	}
	for depth := range 65 {
		for _, length := range []int{64, 65, 66, 70} {
			if length < depth || depth == 64 && length == 64 {
				continue
			}
			s := newNodeSet()
			value, missing := s.walk(below(s, depth, leaf(path[depth:length])), []byte("a key"))
			if missing != nil || (value != nil) != (length == 64) {
				t.Errorf("a leaf below %d branches, %d nibbles in all: value %x, missing %x", depth, length, value, missing)
			}
		}
	}
	s := newNodeSet()
	children := make([][]byte, 17)
	children[path[64]] = key
	if value, missing := s.walk(below(s, 64, encode(children...)), []byte("a key")); value != nil || missing != nil {
		t.Errorf("a branch below the last nibble: value %x, missing %x", value, missing)
	}
}

// reaches reports whether a node holds the value of a key, or refers to what does.
func (s *nodeSet) reaches(root, key []byte, m shortHash) bool {
	value, _ := s.walk(root, key)
	if bytes.Contains(s.kept[m], value) {
		return true
	}
	items, _ := split(s.kept[m])
	for _, it := range items {
		if len(it.content) == 32 && s.reaches(root, key, shorten(it.content)) {
			return true
		}
	}
	return false
}

func TestWitnessOfASibling(t *testing.T) {
	chain := ethnodetest.NewChain(4)
	was := chain.Head()
	chain.Reorg(2, 2)
	block, err := witness.DecodeBlock(chain.Head().JSON())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check(block, was.Witness()); !errors.Is(err, witness.ErrOtherBlock) {
		t.Errorf("got %v", err)
	}
}

func TestShapes(t *testing.T) {
	b := ethnodetest.NewChain(2).Head()
	block, err := witness.DecodeBlock(b.JSON())
	if err != nil {
		t.Fatal(err)
	}
	full, err := witness.Decode(b.Witness())
	if err != nil {
		t.Fatal(err)
	}
	asMap := map[string]string{}
	for i, h := range hexes(full.State) {
		asMap[common.BigToHash(common.Big1).Hex()[:60]+string(rune('a'+i%26))+strings.Repeat("b", i/26)] = h
	}
	for name, v := range map[string]map[string]any{
		"reth":    {"state": hexes(full.State), "codes": []string{"0x"}, "keys": []string{"0x01"}, "headers": hexes(full.Headers)},
		"ordered": {"headers": hexes(full.Headers), "extra": map[string]any{"deep": []any{1, nil, `x"]}`, map[string]int{}}}, "state": hexes(full.State)},
		"maps":    {"state": asMap, "codes": map[string]string{}, "keys": map[string]string{}, "headers": hexes(full.Headers)},
	} {
		text, _ := json.MarshalIndent(v, "", "  ")
		if sum, err := check(block, text); err != nil || sum.Nodes != len(full.State) || sum.Headers != 1 {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	block, err := witness.DecodeBlock(ethnodetest.NewChain(2).Head().JSON())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		``:                            "the document ends",
		`[]`:                          "want an object",
		`{}`:                          "not the answer to debug_executionWitness",
		`{"state":null,"headers":[]}`: "state is missing",
		`{"state":["0x00"]}`:          "headers is missing",
		`{"state":["0x1"]}`:           "odd number of hexadecimal digits",
		`{"state":["0x00"`:            "the document ends",
		`{"state":["0x00"],"state":["0x00"],"headers":[]}`: "state: is there twice",
		`{"state":[],"headers":[]} {}`:                     "after the document",
		`{"state":[],"headers":[{}]}`:                      "headers[0]",
	} {
		if _, err := check(block, []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", text, err, want)
		}
	}
}

// FuzzChecker looks for panics, and for witnesses that pass the check but that package witness
// refuses.
func FuzzChecker(f *testing.F) {
	b := ethnodetest.NewChain(2).Head()
	block, err := witness.DecodeBlock(b.JSON())
	if err != nil {
		f.Fatal(err)
	}
	small := []byte(`{"state":["0xc22080","0xd1808080808080808080808080808080808080"],"codes":["0x"],"keys":null,"headers":[]}`)
	f.Add(small)
	f.Add([]byte(`{"state":{"0x00":"0xf84d"},"headers":["0xc0"]}`))
	f.Add(b.Witness()[:2000])
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := check(block, text); err == nil {
			if w, err := witness.Decode(text); err != nil || w.Check(block.Block) != nil {
				t.Fatalf("passes here, but not there: %v", err)
			}
		}
	})
}

func BenchmarkChecker(b *testing.B) {
	block, text := recorded(b, witnesstest.Shared(b, "data", "mainnet", "24647140"))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := check(block, text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAndCheckInMemory(b *testing.B) {
	block, text := recorded(b, witnesstest.Shared(b, "data", "mainnet", "24647140"))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		w, err := witness.Decode(text)
		if err == nil {
			err = w.Check(block.Block)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
