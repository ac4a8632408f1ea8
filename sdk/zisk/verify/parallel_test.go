package verify

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// TestDividedVerificationSaysTheSame verifies proofs of every table, whole and with one
// word of a tree changed, on one processor and on many: the same hash functions are
// called as often, and the same fault is named.
func TestDividedVerificationSaysTheSame(t *testing.T) {
	tables := allTables(t)
	verdicts := func(s synthetic, processors int) (out []string) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		p, err := proof.Decode(s.wire, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int{-1, len(p.Body) / 3, len(p.Body) / 2, len(p.Body) * 2 / 3} {
			body := slices.Clone(p.Body)
			if at >= 0 {
				body[at] ^= 1
				body[at+1000] ^= 1
			}
			v, err := tables[s.table].stark(s.key, p.Publics, body, true)
			if (err == nil) != (at < 0) {
				t.Errorf("%s, word %d of %d: %v", s.name, at, len(body), err)
			}
			verdict := fmt.Sprint(err)
			if err == nil {
				verdict = fmt.Sprint(slices.Sorted(maps.Values(v.calls())))
			}
			out = append(out, verdict)
		}
		return out
	}
	for _, s := range synthetics(t) {
		if one, many := verdicts(s, 1), verdicts(s, 7); !slices.Equal(one, many) {
			t.Errorf("%s: on one processor %v, on seven %v", s.name, one, many)
		}
	}
}
