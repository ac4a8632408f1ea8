package goldilocks

import "math/bits"

// Interpolate replaces the values of a polynomial on the subgroup of order
// len(values), in the order of the powers of its root, by the coefficients of
// the polynomial, lowest first. The length must be a power of two of at most 2^MaxBits.
func Interpolate(values []Cubic) {
	n := len(values)
	if n <= 1 {
		return
	}
	k := bits.Len(uint(n)) - 1
	for i := range values { // bit-reversed order
		if j := int(bits.Reverse32(uint32(i)) >> (32 - k)); i < j {
			values[i], values[j] = values[j], values[i]
		}
	}
	for level := 1; level <= k; level++ {
		half := 1 << (level - 1)
		w := Inverse(Root(level))
		power := uint64(1)
		for j := range half {
			for i := j; i < n; i += 2 * half {
				a, b := values[i], values[i+half].Scale(power)
				values[i], values[i+half] = a.Add(b), a.Sub(b)
			}
			power = Mul(power, w)
		}
	}
	scale := Inverse(uint64(n))
	for i := range values {
		values[i] = values[i].Scale(scale)
	}
}

// Fold evaluates at challenge/shift the polynomial whose values on the subgroup
// of order len(row) are the row. It overwrites the row. The shift must not be 0.
func Fold(row []Cubic, challenge Cubic, shift uint64) Cubic {
	Interpolate(row)
	return Horner(row, challenge.Scale(Inverse(shift)))
}
