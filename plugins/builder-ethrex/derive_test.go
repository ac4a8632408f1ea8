package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/builder-ethrex/inspect"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

var realBlocks = []string{
	"mainnet/21429020", "mainnet/21066632", "mainnet/23879620", "mainnet/24628607", "mainnet/24647140",
	"hoodi/1041734", "hoodi/690403", "hoodi/1265656", "hoodi/974567", "holesky/3990967",
}

// gethShape writes a witness the way geth answers: headers as objects, keys
// null.
func gethShape(t *testing.T, w *witness.Witness) []byte {
	t.Helper()
	var out struct {
		Headers []*types.Header `json:"headers"`
		Codes   []string        `json:"codes"`
		State   []string        `json:"state"`
		Keys    []string        `json:"keys"`
	}
	for _, raw := range w.Headers {
		h := new(types.Header)
		if err := rlp.DecodeBytes(raw, h); err != nil {
			t.Fatal(err)
		}
		out.Headers = append(out.Headers, h)
	}
	for _, code := range w.Codes {
		out.Codes = append(out.Codes, fmt.Sprintf("0x%x", code))
	}
	for _, node := range w.State {
		out.State = append(out.State, fmt.Sprintf("0x%x", node))
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// storageOf returns the storage tries of an input by address, each with its root
// and number of nodes, after the whole input was found coherent.
func storageOf(t *testing.T, archive []byte) map[string]rkyv.View {
	t.Helper()
	f, err := inspect.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Summarize(); len(s.Findings) > 0 {
		t.Errorf("findings: %v", s.Findings)
	}
	tries := map[string]rkyv.View{}
	f.Root.Field("execution_witness").Field("storage_trie_roots").Entries(func(key, value rkyv.View) bool {
		tries[string(key.Image())] = value
		return true
	})
	return tries
}

func mustBuild(t *testing.T, c *chain, block *ethblock.Block, w *witness.Witness, format guest.Format) *input.Result {
	t.Helper()
	r, err := input.Build(t.Context(), block, w, input.Options{Format: format, Config: c.config, Touched: c.touched})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestDerivedKeysOfRealBlocks checks that witnesses in geth's form give the storage tries of the
// original witness. Where that had no keys either, they give those of the format that does not
// need keys.
func TestDerivedKeysOfRealBlocks(t *testing.T) {
	for _, name := range realBlocks {
		t.Run(name, func(t *testing.T) {
			dir := witnesstest.Shared(t, "data", name)
			block, w, err := inputbuilder.Read(filepath.Join(dir, "block.json.gz"), filepath.Join(dir, "witness.json.gz"), readBlock)
			if err != nil {
				t.Fatal(err)
			}
			c, err := chainOf(chainspec.Network(filepath.Dir(name)))
			if err != nil {
				t.Fatal(err)
			}
			geth, err := witness.Decode(gethShape(t, w))
			if err != nil {
				t.Fatal(err)
			}
			if geth.Shape != witness.ShapeObjects || geth.KeysGiven {
				t.Fatalf("shape %v, keys %v", geth.Shape, geth.KeysGiven)
			}
			derived := mustBuild(t, c, block, geth, guest.G4)
			if derived.Uncovered != 0 {
				t.Errorf("%d accounts without keys", derived.Uncovered)
			}
			have := storageOf(t, derived.Archive)
			hashed := mustBuild(t, c, block, w, guest.G8)
			if len(have) != hashed.StorageTries {
				t.Errorf("%d storage tries, the walk over the state trie finds %d", len(have), hashed.StorageTries)
			}
			t.Logf("%d addresses derived, %d storage tries", derived.KeysDerived, derived.StorageTries)
			if len(w.Addresses()) == 0 {
				return
			}
			want := storageOf(t, mustBuild(t, c, block, w, guest.G4).Archive)
			if len(have) != len(want) {
				t.Errorf("%d storage tries, want %d", len(have), len(want))
			}
			for address, trie := range want {
				if other, ok := have[address]; !ok || !inspect.Equal(trie, other) {
					t.Errorf("the storage trie of %x differs (there: %v)", address, ok)
				}
			}
		})
	}
}

func TestDerivedKeysOfGethAnswers(t *testing.T) {
	c, err := readChain(recorded + "/chain.json")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 19; n++ {
		block, w, err := inputbuilder.Read(recordedFile(n, "block"), recordedFile(n, "witness"), readBlock)
		if err != nil {
			t.Fatal(err)
		}
		g4, g8 := mustBuild(t, c, block, w, guest.G4), mustBuild(t, c, block, w, guest.G8)
		if g4.StorageTries != g8.StorageTries || (g4.KeysDerived == 0) != (g4.StorageTries == 0) || g8.KeysDerived != 0 {
			t.Errorf("block %d: %d storage tries by %d derived keys, %d by hash", n, g4.StorageTries, g4.KeysDerived, g8.StorageTries)
		}
		storageOf(t, g4.Archive)
		storageOf(t, g8.Archive)
	}
}

// TestIncompleteKeysAreCompleted checks that missing keys are derived.
func TestIncompleteKeysAreCompleted(t *testing.T) {
	c, err := readChain(recorded + "/chain.json")
	if err != nil {
		t.Fatal(err)
	}
	block, w, err := inputbuilder.Read(recordedFile(7, "block"), recordedFile(7, "witness"), readBlock)
	if err != nil {
		t.Fatal(err)
	}
	all := mustBuild(t, c, block, w, guest.G4)
	f, err := inspect.Open(all.Archive)
	if err != nil {
		t.Fatal(err)
	}
	keys := f.Root.Field("execution_witness").Field("keys")
	if keys.Len() != all.KeysDerived || keys.Len() < 3 {
		t.Fatalf("%d keys, %d derived", keys.Len(), all.KeysDerived)
	}
	for missing := range keys.Len() {
		w.Keys, w.KeysGiven = nil, true
		for i := range keys.Len() {
			if i != missing {
				w.Keys = append(w.Keys, keys.Index(i).Bytes())
			}
		}
		r := mustBuild(t, c, block, w, guest.G4)
		if r.StorageTries != all.StorageTries || r.Uncovered != 0 || r.KeysDerived > 1 {
			t.Errorf("without key %d: %d storage tries, want %d; %d keys derived", missing, r.StorageTries, all.StorageTries, r.KeysDerived)
		}
	}
}
