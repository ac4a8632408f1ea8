package witnesscheck

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// TestMemory checks that the memory for checking a witness is a fraction of its size, for any
// content.
func TestMemory(t *testing.T) {
	branch := func(i int) []byte {
		items := make([][]byte, 17)
		for j := range 16 {
			items[j] = binary.BigEndian.AppendUint64(bytes.Repeat([]byte{7}, 24), uint64(i*16+j))
		}
		node, err := rlp.EncodeToBytes(items)
		if err != nil {
			t.Fatal(err)
		}
		return node
	}
	leaf := func(i int) []byte {
		node, err := rlp.EncodeToBytes([][]byte{binary.BigEndian.AppendUint64([]byte{0x20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}, uint64(i)), {1, 2, 3, 4}})
		if err != nil {
			t.Fatal(err)
		}
		return node
	}
	for name, c := range map[string]struct {
		entry func(int) []byte
		count int
	}{"branches": {branch, 40_000}, "small leaves": {leaf, 400_000}} {
		var text strings.Builder
		text.WriteString(`{"state":["0x80"`)
		for i := range c.count {
			text.WriteString(`,"0x` + hex.EncodeToString(c.entry(i)) + `"`)
		}
		text.WriteString(`],"codes":[],"headers":[]}`)
		src := strings.NewReader(text.String())
		var err error
		peak := witnesstest.PeakHeap(func() { _, err = Read(src) })
		if err != nil {
			t.Fatal(err)
		}
		ratio := float64(peak) / float64(text.Len())
		t.Logf("%-15s %5.1f MB, %.2f times its size", name, float64(text.Len())/1e6, ratio)
		if ratio > 3 {
			t.Errorf("%s: examining %d bytes takes %d, %.2f times as much", name, text.Len(), peak, ratio)
		}
	}
}
