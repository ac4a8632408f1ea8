package goldilocks

// Cubic is an element a[0] + a[1]x + a[2]x^2 of the extension by x^3 = x + 1.
type Cubic [3]uint64

// One is the element 1.
var One = Cubic{1, 0, 0}

// Base returns an element of the base field as an element of the extension.
func Base(a uint64) Cubic { return Cubic{a, 0, 0} }

// Add returns a + b.
func (a Cubic) Add(b Cubic) Cubic {
	return Cubic{Add(a[0], b[0]), Add(a[1], b[1]), Add(a[2], b[2])}
}

// Sub returns a - b.
func (a Cubic) Sub(b Cubic) Cubic {
	return Cubic{Sub(a[0], b[0]), Sub(a[1], b[1]), Sub(a[2], b[2])}
}

// Mul returns a * b. If d are the coefficients of the product of the two polynomials,
// the result is (d0+d3, d1+d3+d4, d2+d4), because x^3 = x + 1 and x^4 = x^2 + x. Each sum
// of products is reduced once.
func (a Cubic) Mul(b Cubic) Cubic {
	d3 := wide{}.mulAdd(a[1], b[2]).mulAdd(a[2], b[1])
	d4 := wide{}.mulAdd(a[2], b[2])
	return Cubic{
		d3.mulAdd(a[0], b[0]).reduce(),
		d3.add(d4).mulAdd(a[0], b[1]).mulAdd(a[1], b[0]).reduce(),
		d4.mulAdd(a[0], b[2]).mulAdd(a[1], b[1]).mulAdd(a[2], b[0]).reduce(),
	}
}

// Scale returns a times the base element s.
func (a Cubic) Scale(s uint64) Cubic {
	return Cubic{Mul(a[0], s), Mul(a[1], s), Mul(a[2], s)}
}

// Exp returns a to the power n.
func (a Cubic) Exp(n uint64) Cubic {
	r := One
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			r = r.Mul(a)
		}
		a = a.Mul(a)
	}
	return r
}

// IsZero reports whether a is 0.
func (a Cubic) IsZero() bool { return a == Cubic{} }

// Inverse returns 1/a, or false if a is 0. It solves the linear system of
// the multiplication by a: the result is the first row of cofactors over the determinant.
func (a Cubic) Inverse() (Cubic, bool) {
	s, t := Add(a[0], a[2]), Add(a[1], a[2])
	c := Cubic{
		Sub(Mul(s, s), Mul(t, a[1])),
		Sub(Mul(t, a[2]), Mul(a[1], s)),
		Sub(Mul(a[1], a[1]), Mul(s, a[2])),
	}
	det := Add(Add(Mul(a[0], c[0]), Mul(a[2], c[1])), Mul(a[1], c[2]))
	if det == 0 {
		return Cubic{}, false
	}
	return c.Scale(Inverse(det)), true
}

// Horner evaluates the polynomial with the given coefficients, lowest first, at a point.
func Horner(coefficients []Cubic, at Cubic) Cubic {
	var r Cubic
	for i := len(coefficients) - 1; i >= 0; i-- {
		r = r.Mul(at).Add(coefficients[i])
	}
	return r
}

// InvertAll replaces every element by its inverse with a single inversion. If one of the
// elements is 0 it returns false, and the elements are then undefined.
func InvertAll(elements []Cubic) bool {
	products := make([]Cubic, len(elements))
	product := One
	for i, e := range elements {
		products[i] = product
		product = product.Mul(e)
	}
	inverse, ok := product.Inverse()
	if !ok {
		return false
	}
	for i := len(elements) - 1; i >= 0; i-- {
		elements[i], inverse = inverse.Mul(products[i]), inverse.Mul(elements[i])
	}
	return true
}

// HornerBase evaluates the polynomial at an element of the base field.
func HornerBase(coefficients []Cubic, at uint64) Cubic {
	var r Cubic
	for i := len(coefficients) - 1; i >= 0; i-- {
		r = r.Scale(at).Add(coefficients[i])
	}
	return r
}
