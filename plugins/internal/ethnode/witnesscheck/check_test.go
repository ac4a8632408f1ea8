package witnesscheck

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// check runs a witness through a checker.
func check(block *witness.Block, text []byte, senders []common.Address) (Summary, error) {
	c := New()
	_, err := c.Write(text)
	if bad := c.Finish(err); bad != nil {
		return Summary{}, bad
	}
	return c.Against(block.Block, senders)
}

func recorded(t testing.TB, dir string) (*witness.Block, []byte, []common.Address) {
	chain, err := ethnodetest.Recorded(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	text := chain.Head().JSON()
	block, err := witness.DecodeBlock(text)
	if err != nil {
		t.Fatal(err)
	}
	var named struct {
		Transactions []struct{ From common.Address }
	}
	if err := json.Unmarshal(text, &named); err != nil {
		t.Fatal(err)
	}
	var senders []common.Address
	for _, tx := range named.Transactions {
		senders = append(senders, tx.From)
	}
	return block, chain.Head().Witness(), senders
}

func TestRecordedWitnessesPass(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(witnesstest.Shared(t, "data"), "*", "*", "witness.json.gz"))
	if err != nil || len(dirs) < 29 {
		t.Fatalf("found %d witnesses, want at least 29; %v", len(dirs), err)
	}
	for _, path := range dirs {
		block, text, senders := recorded(t, filepath.Dir(path))
		full, err := witness.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := check(block, text, senders)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if want := (Summary{Nodes: len(full.State) - sum.Odd, Codes: len(full.Codes), Headers: len(full.Headers), Odd: sum.Odd}); sum != want || sum.Odd > 9 {
			t.Errorf("%s: %+v, package witness reads %+v", path, sum, want)
		}
	}
}

// Drops nodes of two small blocks, one at a time, and reports how many of the
// gaps are seen without execution.
func TestSingleMissingNodes(t *testing.T) {
	for dir, stride := range map[string]int{"mainnet/21429020": 1, "hoodi/974567": 5} {
		block, text, senders := recorded(t, witnesstest.Shared(t, "data", dir))
		var members map[string]json.RawMessage
		var nodes []json.RawMessage
		if err := errors.Join(json.Unmarshal(text, &members), json.Unmarshal(members["state"], &nodes)); err != nil {
			t.Fatal(err)
		}
		seen, tried := 0, 0
		for i := 0; i < len(nodes); i += stride {
			tried++
			members["state"], _ = json.Marshal(slices.Delete(slices.Clone(nodes), i, i+1))
			changed, _ := json.Marshal(members)
			if _, err := check(block, changed, senders); err != nil {
				if !errors.Is(err, witness.ErrIncomplete) {
					t.Fatalf("%s without node %d: %v", dir, i, err)
				}
				seen++
			}
		}
		share := float64(seen) / float64(tried)
		t.Logf("%s: %d of %d missing nodes are seen (%.0f %%)", dir, seen, tried, 100*share)
		if share < 0.75 {
			t.Errorf("%s: only %.0f %% are seen", dir, 100*share)
		}
	}
}

func TestWitnessOfASibling(t *testing.T) {
	chain := ethnodetest.NewChain(4)
	was := chain.Head()
	chain.Reorg(2, 2)
	block, err := witness.DecodeBlock(chain.Head().JSON())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check(block, was.Witness(), nil); !errors.Is(err, witness.ErrOtherBlock) {
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
	hexes := func(list [][]byte) []string {
		out := []string{}
		for _, b := range list {
			out = append(out, "0x"+common.Bytes2Hex(b))
		}
		return out
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
		if sum, err := check(block, text, nil); err != nil || sum.Nodes != len(full.State) || sum.Headers != 1 {
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
		``:                             "unexpected EOF",
		`[]`:                           "where an object belongs",
		`{}`:                           "state or headers is missing",
		`{"state":null,"headers":[]}`:  "state or headers is missing",
		`{"state":["0x1"]}`:            "no byte string",
		`{"state":["0x0g"]}`:           "invalid byte",
		`{"state":["0x00"`:             "unexpected EOF",
		`{"state":["0x00" "0x00"]}`:    "where a comma belongs",
		`{"state":[7]}`:                "where a string belongs",
		`{"state":7}`:                  "where a list belongs",
		`{"state":["0x00\u0030"]}`:     "escapes",
		`{"state" ["0x00"]}`:           "where a colon belongs",
		`{"state":[],"headers":[]} {}`: "after the end",
		`{"state":[],"headers":[{}]}`:  "headers",
		`{"state":["0x` + strings.Repeat("00", maxString/2) + `"]}`: "is over",
	} {
		if _, err := check(block, []byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", text, err, want)
		}
	}
}

// FuzzChecker looks for panics, and for witnesses that pass here but that
// package witness refuses to read.
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
		if _, err := check(block, text, []common.Address{{1}}); err == nil {
			if w, err := witness.Decode(text); err != nil || w.Check(block.Block) != nil {
				t.Fatalf("passes here, but not there: %v", err)
			}
		}
	})
}

func BenchmarkChecker(b *testing.B) {
	block, text, senders := recorded(b, witnesstest.Shared(b, "data", "mainnet", "24647140"))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := check(block, text, senders); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeAndCheckInMemory(b *testing.B) {
	block, text, _ := recorded(b, witnesstest.Shared(b, "data", "mainnet", "24647140"))
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
