package witness

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// The memory that reading takes, garbage included, as a ratio to the size of what is
// read, for the largest documents of their kinds that are accepted.
func TestMemory(t *testing.T) {
	node := func(size int) string { return `"` + hexutil.Encode(bytes.Repeat([]byte{0xab}, size)) + `"` }
	witnessOf := func(entry string, count int) []byte {
		return []byte(`{"state":[` + strings.TrimSuffix(strings.Repeat(entry+",", count), ",") + `],"codes":[],"headers":[]}`)
	}
	type document struct {
		text  []byte
		block bool
	}
	documents := map[string]document{
		"witness, branches":     {witnessOf(node(532), 40_000), false},
		"witness, small leaves": {witnessOf(node(36), 400_000), false},
		"witness, codes":        {witnessOf(node(24_576), 800), false},
	}
	for name, text := range witnesstest.LargeBlocks(t) {
		documents["block, "+name] = document{text, true}
	}
	for name, c := range documents {
		path := filepath.Join(t.TempDir(), "document.json")
		if err := os.WriteFile(path, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		size := len(c.text)
		documents[name], c.text = document{}, nil
		var kept any
		var err error
		peak := witnesstest.PeakHeap(func() {
			if c.block {
				kept, err = ReadBlock(path)
			} else {
				kept, err = Read(path)
			}
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ratio := float64(peak) / float64(size)
		t.Logf("%-30s %5.1f MB, %.2f times its size", name, float64(size)/1e6, ratio)
		if ratio > 3 {
			t.Errorf("%s: reading %d bytes takes %d, %.2f times as much", name, size, peak, ratio)
		}
		runtime.KeepAlive(kept)
	}
}
