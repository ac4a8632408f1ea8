package witness

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

// encodings is a list of given encodings.
type encodings [][]byte

func (e encodings) Len() int                           { return len(e) }
func (e encodings) EncodeIndex(i int, b *bytes.Buffer) { b.Write(e[i]) }

// DeriveRoot agrees with go-ethereum's own function for lists of every length up to
// where the shape of the keys changes the last time, and for encodings that are
// embedded in their parents, of one byte, and of any other size.
func TestDeriveRoot(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := map[string]func() int{
		"tiny":  func() int { return 1 + rng.IntN(4) },
		"small": func() int { return 1 + rng.IntN(60) },
		"large": func() int { return 1 + rng.IntN(70_000) },
		"one":   func() int { return 1 },
	}
	for name, size := range sizes {
		lengths := []int{0, 1, 2, 3, 15, 16, 17, 126, 127, 128, 129, 130, 143, 144, 145, 255, 256, 257, 272, 273, 300, 511, 512, 4095, 4097}
		if name == "large" {
			lengths = []int{1, 2, 130}
		}
		if name == "tiny" {
			lengths = append(lengths, 65_535, 65_536, 65_537, 66_000)
		}
		for _, n := range lengths {
			list := make(encodings, n)
			for i := range list {
				list[i] = make([]byte, size())
				for j := range list[i] {
					list[i][j] = byte(rng.Uint32())
				}
			}
			if have, want := DeriveRoot(list), types.DeriveSha(list, trie.NewStackTrie(nil)); have != want {
				t.Errorf("%d encodings, %s: %v, want %v", n, name, have, want)
			}
		}
	}
	if have, want := DeriveRoot(types.Withdrawals{{Index: 1}, {Index: 2}}), types.DeriveSha(types.Withdrawals{{Index: 1}, {Index: 2}}, trie.NewStackTrie(nil)); have != want {
		t.Errorf("withdrawals: %v, want %v", have, want)
	}
}
