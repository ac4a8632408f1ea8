package poseidon

import (
	"fmt"
	"math/bits"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// poseidon1 is Poseidon with the partial rounds in the form of sparse matrices.
type poseidon1 struct {
	width   int
	first   []uint64         // constants before the first round
	before  [half][]uint64   // constants of the full rounds before the partial ones
	partial []uint64         // constants of the partial rounds
	after   [half][]uint64   // constants of the full rounds after the partial ones; the last has none
	mds     []uint64         // rows of the matrix M, each word below 2^smallBits
	dense   []uint64         // rows of the matrix P, which is applied at the end of the fourth round
	sparse  []sparseMatrices // one for each partial round
}

// sparseMatrices holds the first row, and the first column without its first
// element, of the matrix of a partial round.
type sparseMatrices struct{ row, column []uint64 }

// smallBits is the number of bits of the words of M. It is so small that the sum of 16
// products with 32-bit halves fits in a word.
const smallBits = 27

func newPoseidon1(width int, n numbers) (*poseidon1, error) {
	if n.HalfFull != half || width < 8 || width > MaxWidth || len(n.C) != 2*half*width+n.Partial ||
		len(n.M) != width*width || len(n.P) != width*width || len(n.S) != n.Partial*(2*width-1) {
		return nil, fmt.Errorf("the constants of poseidon1 of width %d have other lengths than its rounds need", width)
	}
	p := &poseidon1{width: width, first: cut(&n.C, width)}
	for r := range p.before {
		p.before[r] = cut(&n.C, width)
	}
	p.partial = cut(&n.C, n.Partial)
	for r := range half - 1 {
		p.after[r] = cut(&n.C, width)
	}
	p.after[half-1] = make([]uint64, width)
	p.mds, p.dense = rows(n.M, width), rows(n.P, width)
	for _, m := range p.mds {
		if m >= 1<<smallBits {
			return nil, fmt.Errorf("a word of the matrix of poseidon1 of width %d has more than %d bits", width, smallBits)
		}
	}
	for range n.Partial {
		p.sparse = append(p.sparse, sparseMatrices{row: cut(&n.S, width), column: cut(&n.S, width-1)})
	}
	return p, nil
}

// rows transposes a matrix that is stored by columns.
func rows(m []word, width int) []uint64 {
	out := make([]uint64, len(m))
	for i := range width {
		for j := range width {
			out[i*width+j] = uint64(m[j*width+i])
		}
	}
	return out
}

func (p *poseidon1) Width() int { return p.width }

func (p *poseidon1) Permute(state []uint64) {
	s := state[:p.width]
	for i, c := range p.first {
		s[i] = goldilocks.AddLoose(s[i], c)
	}
	for r, constants := range p.before {
		sbox(s, constants)
		if r < half-1 {
			small(p.mds, s)
		} else {
			dense(p.dense, s)
		}
	}
	for r, c := range p.partial {
		m := &p.sparse[r]
		a := goldilocks.AddLoose(power7(s[0]), c)
		s[0] = a
		first := goldilocks.Dot(m.row, s)
		rest := s[1:]
		for i, v := range m.column[:len(rest)] {
			hi, lo := bits.Mul64(a, v)
			lo, carry := bits.Add64(lo, rest[i], 0)
			rest[i] = goldilocks.Reduce(hi+carry, lo)
		}
		s[0] = first
	}
	for _, constants := range p.after {
		sbox(s, constants)
		small(p.mds, s)
	}
	for i := range s {
		s[i] = goldilocks.Canonical(s[i])
	}
}

func sbox(s, constants []uint64) {
	for i, c := range constants[:len(s)] {
		s[i] = goldilocks.AddLoose(power7(s[i]), c)
	}
}

// small multiplies the state by a matrix of small words. It sums the products with the
// 32-bit halves of the state without a carry, and reduces each sum once.
func small(matrix, s []uint64) {
	var lows, highs [MaxWidth]uint64
	low, high := lows[:len(s)], highs[:len(s)]
	for i, x := range s {
		low[i], high[i] = x&0xffff_ffff, x>>32
	}
	for i := range s {
		row := matrix[i*len(s):][:len(s)]
		var l, h uint64
		for j, m := range row {
			l += low[j] * m
			h += high[j] * m
		}
		lo, carry := bits.Add64(l, h<<32, 0)
		s[i] = goldilocks.Reduce(h>>32+carry, lo)
	}
}

func dense(matrix, s []uint64) {
	var old [MaxWidth]uint64
	n := copy(old[:], s)
	for i := range s {
		s[i] = goldilocks.Dot(matrix[i*n:][:n], old[:n])
	}
}
