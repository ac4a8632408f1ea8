package verify

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// shared returns the path of a file of the reference verifier's folder, or
// skips. The numbers and proofs there come from the published verifiers.
func shared(t testing.TB, name ...string) string {
	t.Helper()
	return witnesstest.Shared(t, append([]string{"vectors", "zisk-verifier"}, name...)...)
}

func readShared(t testing.TB, name ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(shared(t, name...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// decimal is a word as a decimal string.
type decimal uint64

func (d *decimal) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseUint(string(bytes.Trim(text, `"`)), 10, 64)
	*d = decimal(n)
	return err
}

func plain(ds []decimal) []uint64 {
	out := make([]uint64, len(ds))
	for i, d := range ds {
		out[i] = uint64(d)
	}
	return out
}

func count(from, to int) []uint64 {
	var out []uint64
	for i := from; i < to; i++ {
		out = append(out, uint64(i))
	}
	return out
}

func TestPrimitives(t *testing.T) {
	var v struct {
		Field struct {
			W    []decimal
			Mul3 []struct {
				A       [3]decimal
				B       [3]decimal
				AB      [3]decimal `json:"ab"`
				Inverse [3]decimal `json:"1/a"`
			}
		}
		Permute map[string]struct {
			Count []decimal `json:"of_0_1_2"`
			Zeros []decimal `json:"of_zeros"`
		}
		LinearHash map[string]map[string][]decimal `json:"linear_hash"`
		Transcript map[string]map[string][]decimal
		MerkleTop  map[string][]decimal `json:"merkle_top"`
		Intt8      struct{ Values, Coefficients [][3]decimal }
		Fold       map[string][]decimal
	}
	if err := json.Unmarshal(readShared(t, "vectors", "primitives.json"), &v); err != nil {
		t.Fatal(err)
	}
	equal := func(name string, got []uint64, want []decimal) {
		t.Helper()
		if len(want) == 0 || !slices.Equal(got, plain(want)) {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	cubic := func(c [3]decimal) goldilocks.Cubic {
		return goldilocks.Cubic{uint64(c[0]), uint64(c[1]), uint64(c[2])}
	}

	if len(v.Field.W) != 33 {
		t.Fatalf("%d roots", len(v.Field.W))
	}
	for k, w := range v.Field.W {
		equal("root "+strconv.Itoa(k), []uint64{goldilocks.Root(k)}, []decimal{w})
	}
	for _, m := range v.Field.Mul3 {
		a, b := cubic(m.A), cubic(m.B)
		if got := a.Mul(b); got != cubic(m.AB) {
			t.Errorf("%d * %d = %d, want %d", a, b, got, m.AB)
		}
		if got, ok := a.Inverse(); !ok || got != cubic(m.Inverse) {
			t.Errorf("1/%d = %d, want %d", a, got, m.Inverse)
		}
	}

	spec := func(name string) *hash {
		family, width, _ := bytes.Cut([]byte(name), []byte("_"))
		n, _ := strconv.Atoi(string(width))
		h, err := newHash(hashSpec{string(family), n})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for name, p := range v.Permute {
		h := spec(name)
		for _, tc := range []struct {
			state []uint64
			want  []decimal
		}{{count(0, h.width), p.Count}, {make([]uint64, h.width), p.Zeros}} {
			if h.permutation == nil {
				d := h.node(tc.state)
				equal(name, d[:], tc.want[:4])
				continue
			}
			h.permute(tc.state)
			equal(name, tc.state, tc.want)
		}
	}
	for name, lengths := range v.LinearHash {
		for length, want := range lengths {
			n, err := strconv.Atoi(length)
			if err != nil {
				t.Fatal(err)
			}
			d := spec(name).leaf(count(1, n+1))
			equal("leaf hash "+name+" of "+length, d[:], want)
		}
	}
	for name, want := range v.Transcript {
		tr := newTranscript(spec(name))
		squeeze := func(n int) []uint64 {
			out := make([]uint64, n)
			for i := range out {
				out[i] = tr.squeeze()
			}
			return out
		}
		tr.put(1, 2, 3, 4, 5)
		equal(name+" squeeze 20", squeeze(20), want["put 1..5, squeeze 20"])
		tr.put(7)
		equal(name+" squeeze 3", squeeze(3), want["put 7, squeeze 3"])
		d := tr.digest()
		equal(name+" digest", d[:], want["then digest"])
		tr.put(count(0, 30)...)
		d = tr.digest()
		equal(name+" second digest", d[:], want["then put 0..29, digest"])
		tr = newTranscript(spec(name))
		tr.put(1, 2, 3, 4)
		indices := tr.indices(10, 19)
		got := make([]uint64, len(indices))
		for i, x := range indices {
			got[i] = uint64(x)
		}
		equal(name+" indices", got, want["new, put 1..4, indices(10,19)"])
	}
	for _, tc := range []struct {
		name string
		hash string
		b    branching
		n    int
	}{
		{"poseidon1_8 arity 2, digests [i,i,i,i] for i<6", "poseidon1_8", branching{arity: 2, last: 3}, 6},
		{"poseidon2_16 arity 4, same, i<8", "poseidon2_16", branching{arity: 4, last: 2}, 8},
	} {
		var nodes []uint64
		for i := range tc.n {
			nodes = append(nodes, uint64(i), uint64(i), uint64(i), uint64(i))
		}
		d := tc.b.reduce(spec(tc.hash), nodes, tc.n)
		equal(tc.name, d[:], v.MerkleTop[tc.name])
	}
	var values, want []goldilocks.Cubic
	for i := range v.Intt8.Values {
		values, want = append(values, cubic(v.Intt8.Values[i])), append(want, cubic(v.Intt8.Coefficients[i]))
	}
	row := slices.Clone(values)
	goldilocks.Interpolate(values)
	if len(want) != 8 || !slices.Equal(values, want) {
		t.Errorf("interpolation: got %d, want %d", values, want)
	}
	shift := goldilocks.Mul(goldilocks.Exp(goldilocks.Shift, 8), goldilocks.Exp(goldilocks.Root(16), 4097))
	folded := goldilocks.Fold(row, goldilocks.Cubic{11, 12, 13}, shift)
	equal("fold", folded[:], v.Fold["squarings 3, prev 16, cur 13, challenge (11,12,13), index 4097, values as in intt8"])
}
