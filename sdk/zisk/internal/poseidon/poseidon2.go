package poseidon

import (
	"fmt"
	"math/bits"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

type poseidon2 struct {
	width    int
	before   [half][]uint64
	partial  []uint64
	after    [half][]uint64
	diagonal []uint64
}

func newPoseidon2(width int, n numbers) (*poseidon2, error) {
	if n.HalfFull != half || width < 4 || width > MaxWidth || width%4 != 0 || len(n.RC) != 2*half*width+n.Partial || len(n.Diag) != width {
		return nil, fmt.Errorf("the constants of poseidon2 of width %d have other lengths than its rounds need", width)
	}
	p := &poseidon2{width: width, diagonal: cut(&n.Diag, width)}
	for r := range p.before {
		p.before[r] = cut(&n.RC, width)
	}
	p.partial = cut(&n.RC, n.Partial)
	for r := range p.after {
		p.after[r] = cut(&n.RC, width)
	}
	return p, nil
}

func (p *poseidon2) Width() int { return p.width }

func (p *poseidon2) Permute(state []uint64) {
	s := state[:p.width]
	external(s)
	for _, constants := range p.before {
		fullRound(s, constants)
	}
	for _, c := range p.partial {
		s[0] = power7(goldilocks.AddLoose(s[0], c))
		var lo, hi, carry uint64
		for _, x := range s {
			lo, carry = bits.Add64(lo, x, 0)
			hi += carry
		}
		sum := goldilocks.Reduce(hi, lo)
		for i, d := range p.diagonal[:len(s)] {
			h, l := bits.Mul64(s[i], d)
			l, carry := bits.Add64(l, sum, 0)
			s[i] = goldilocks.Reduce(h+carry, l)
		}
	}
	for _, constants := range p.after {
		fullRound(s, constants)
	}
	for i := range s {
		s[i] = goldilocks.Canonical(s[i])
	}
}

func fullRound(s, constants []uint64) {
	for i, c := range constants[:len(s)] {
		s[i] = power7(goldilocks.AddLoose(s[i], c))
	}
	external(s)
}

// external multiplies the state by the matrix of the full rounds. It works on the 32-bit
// halves of the words. Their sums need no reduction before the end, because every
// coefficient is below 2^5.
func external(s []uint64) {
	var lows, highs [MaxWidth]uint64
	low, high := lows[:len(s)], highs[:len(s)]
	for i, x := range s {
		low[i], high[i] = x&0xffff_ffff, x>>32
	}
	blocks(low)
	blocks(high)
	for i := range s {
		lo, carry := bits.Add64(low[i], high[i]<<32, 0)
		s[i] = goldilocks.Reduce(high[i]>>32+carry, lo)
	}
}

// blocks multiplies each block of four words by the matrix of Poseidon2. If there are
// several blocks, it adds the sum of all blocks to each.
func blocks(v []uint64) {
	var sums [4]uint64
	for i := 0; i+4 <= len(v); i += 4 {
		b := v[i : i+4 : i+4]
		t0, t1 := b[0]+b[1], b[2]+b[3]
		t2, t3 := 2*b[1]+t1, 2*b[3]+t0
		t4, t5 := 4*t1+t3, 4*t0+t2
		b[0], b[1], b[2], b[3] = t3+t5, t5, t2+t4, t4
		for j, x := range b {
			sums[j] += x
		}
	}
	if len(v) > 4 {
		for i := range v {
			v[i] += sums[i&3]
		}
	}
}
