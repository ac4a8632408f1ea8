// Package goldilocks implements arithmetic in the field of p = 2^64 - 2^32 + 1 elements
// and in its cubic extension by x^3 = x + 1, the two fields of ZisK's proofs.
//
// Elements are plain uint64 words, so that the words of a proof need no conversion. Every
// function takes and returns canonical words, which are below p, unless it says otherwise.
//
// gnark-crypto implements the same base field, but does not fit here. Its elements are in
// Montgomery form, so that every word of a proof would have to be converted. Its
// multiplication does not use the form of this prime, and its extension is quadratic.
//
// Source: 0xPolygonHermez/pil2-proofman:fields/src@v1.1.0-alpha.
package goldilocks

import "math/bits"

// Modulus is the order of the field.
const Modulus uint64 = 0xffff_ffff_0000_0001

// epsilon is 2^64 modulo p.
const epsilon uint64 = 0xffff_ffff

// Shift is the generator of the multiplicative group by which the domains are shifted on
// which polynomials are committed.
const Shift uint64 = 7

// Canonical reduces any word to a canonical one.
func Canonical(a uint64) uint64 {
	if a >= Modulus {
		a -= Modulus
	}
	return a
}

// Reduce returns a word, not necessarily canonical, that is congruent to
// hi*2^64 + lo. It uses 2^64 = 2^32 - 1 and 2^96 = -1 modulo p.
func Reduce(hi, lo uint64) uint64 {
	t, borrow := bits.Sub64(lo, hi>>32, 0)
	t -= epsilon & -borrow
	low := hi & epsilon
	r, carry := bits.Add64(t, low<<32-low, 0)
	return r + epsilon&-carry
}

// MulLoose multiplies any two words; the result is not necessarily canonical.
func MulLoose(a, b uint64) uint64 { return Reduce(bits.Mul64(a, b)) }

// AddLoose adds any word and a canonical word. The result is not necessarily canonical.
func AddLoose(a, canonical uint64) uint64 {
	r, carry := bits.Add64(a, canonical, 0)
	return r + epsilon&-carry
}

// Add returns a + b.
func Add(a, b uint64) uint64 {
	r, carry := bits.Add64(a, b, 0)
	return Canonical(r + epsilon&-carry)
}

// Sub returns a - b.
func Sub(a, b uint64) uint64 {
	r, borrow := bits.Sub64(a, b, 0)
	return r - epsilon&-borrow
}

// Mul returns a * b.
func Mul(a, b uint64) uint64 { return Canonical(MulLoose(a, b)) }

// Exp returns a to the power n.
func Exp(a, n uint64) uint64 {
	r := uint64(1)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			r = MulLoose(r, a)
		}
		a = MulLoose(a, a)
	}
	return Canonical(r)
}

// Inverse returns 1/a, or 0 if a is 0.
func Inverse(a uint64) uint64 { return Exp(a, Modulus-2) }

// roots holds a primitive root of unity of each order 2^k. The last is the constant that
// ZisK uses; the others follow from it.
var roots = func() (w [33]uint64) {
	w[32] = 7277203076849721926
	for k := 31; k >= 0; k-- {
		w[k] = Mul(w[k+1], w[k+1])
	}
	return w
}()

// MaxBits is the largest argument of Root.
const MaxBits = 32

// Root returns the primitive root of unity of order 2^k, for k from 0 to MaxBits.
func Root(k int) uint64 { return roots[k] }

// wide is a sum of fewer than 2^32 products of words: top*2^128 + hi*2^64 + lo.
type wide struct{ lo, hi, top uint64 }

func (w wide) mulAdd(a, b uint64) wide {
	h, l := bits.Mul64(a, b)
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, l, 0)
	w.hi, carry = bits.Add64(w.hi, h, carry)
	w.top += carry
	return w
}

func (w wide) add(o wide) wide {
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, o.lo, 0)
	w.hi, carry = bits.Add64(w.hi, o.hi, carry)
	w.top += o.top + carry
	return w
}

// reduce returns the sum as a canonical word, using 2^128 = -2^32 modulo p.
func (w wide) reduce() uint64 {
	return Sub(Canonical(Reduce(w.hi, w.lo)), w.top<<32)
}

// Dot returns the sum of the products of two rows of the same length.
func Dot(a, b []uint64) uint64 {
	var w wide
	for i, x := range a[:len(b)] {
		w = w.mulAdd(x, b[i])
	}
	return w.reduce()
}
