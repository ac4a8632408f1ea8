// Package poseidon implements the permutations Poseidon and Poseidon2 over the
// Goldilocks field with the constants of ZisK's proof system. Both have four
// full rounds before and four after the partial rounds, and the S-box x^7.
//
// gnark-crypto also has a Poseidon2 over this field. It derives round constants and the
// internal matrix from a seed of its own, so that its results differ.
//
// Source of the method: 0xPolygonHermez/pil2-proofman:fields/src@v1.1.0-alpha.
// poseidon.json.gz holds the numbers of fields/src/poseidon1_constants.rs and
// fields/src/poseidon2_constants.rs there. The numbers of Poseidon2 are the same at
// v0.16.1.
package poseidon

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

//go:embed poseidon.json.gz
var packed []byte

// half is the number of full rounds on each side of the partial ones.
const half = 4

// MaxWidth is the largest width of a permutation.
const MaxWidth = 16

// Permutation permutes states of a fixed number of canonical words in place.
// It is safe for concurrent use.
type Permutation interface {
	Width() int
	Permute(state []uint64)
}

type numbers struct {
	HalfFull int    `json:"half_full"`
	Partial  int    `json:"partial"`
	RC       []word `json:"RC"`
	Diag     []word `json:"DIAG"`
	C        []word `json:"C"`
	M        []word `json:"M"`
	P        []word `json:"P"`
	S        []word `json:"S"`
}

type word uint64

func (w *word) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseUint(string(bytes.Trim(text, `"`)), 10, 64)
	if err == nil && n >= goldilocks.Modulus {
		err = fmt.Errorf("%d is not a field element", n)
	}
	*w = word(n)
	return err
}

// families holds every permutation by family and width.
var families = sync.OnceValues(func() (map[string]map[int]Permutation, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var all struct {
		Poseidon1 map[string]numbers `json:"poseidon1"`
		Poseidon2 map[string]numbers `json:"poseidon2"`
	}
	if err := json.NewDecoder(r).Decode(&all); err != nil {
		return nil, err
	}
	out := map[string]map[int]Permutation{"poseidon1": {}, "poseidon2": {}}
	for name, n := range all.Poseidon1 {
		width, err := strconv.Atoi(name)
		if err != nil {
			return nil, err
		}
		if out["poseidon1"][width], err = newPoseidon1(width, n); err != nil {
			return nil, err
		}
	}
	for name, n := range all.Poseidon2 {
		width, err := strconv.Atoi(name)
		if err != nil {
			return nil, err
		}
		if out["poseidon2"][width], err = newPoseidon2(width, n); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// New returns a permutation of the family "poseidon1" or "poseidon2".
func New(family string, width int) (Permutation, error) {
	all, err := families()
	if err != nil {
		return nil, fmt.Errorf("constants of Poseidon: %w", err)
	}
	p := all[family][width]
	if p == nil {
		return nil, fmt.Errorf("there is no permutation %s of width %d", family, width)
	}
	return p, nil
}

// cut removes n words from the front of a list and returns them.
func cut(from *[]word, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64((*from)[i])
	}
	*from = (*from)[n:]
	return out
}

func power7(x uint64) uint64 {
	x2 := goldilocks.MulLoose(x, x)
	x4 := goldilocks.MulLoose(x2, x2)
	return goldilocks.MulLoose(goldilocks.MulLoose(x, x2), x4)
}
