package live

import (
	"math"
	"slices"
)

// minFit is the smallest number of proved blocks for a line.
const minFit = 20

// fitLine returns the least-squares line of proving time over gas. It returns nil if
// there are too few blocks, or if all have the same gas.
func fitLine(dots []Dot) *Fit {
	n := float64(len(dots))
	if len(dots) < minFit {
		return nil
	}
	var sx, sy, sxx, sxy, syy float64
	for _, d := range dots {
		x, y := float64(d.Gas)/1e6, float64(d.ProvingMS)
		sx, sy, sxx, sxy, syy = sx+x, sy+y, sxx+x*x, sxy+x*y, syy+y*y
	}
	vx, vy, cov := n*sxx-sx*sx, n*syy-sy*sy, n*sxy-sx*sy
	if vx <= 1e-9*n*sxx { // all have the same gas
		return nil
	}
	f := &Fit{PerMgasMS: cov / vx, Blocks: len(dots)}
	f.BaseMS = (sy - f.PerMgasMS*sx) / n
	if vy > 0 {
		f.R2 = cov * cov / (vx * vy)
	}
	errors := make([]float64, len(dots))
	for i, d := range dots {
		errors[i] = math.Abs(float64(d.ProvingMS) - f.at(d.Gas))
	}
	slices.Sort(errors)
	f.MedianMS, f.P95MS = rank(errors, 0.5), rank(errors, 0.95)
	f.BaseMS, f.PerMgasMS = round(f.BaseMS, 0.1), round(f.PerMgasMS, 0.01)
	f.R2, f.MedianMS, f.P95MS = round(f.R2, 0.0001), round(f.MedianMS, 1), round(f.P95MS, 1)
	return f
}

// at returns the proving time for an amount of gas, in ms.
func (f *Fit) at(gas uint64) float64 { return f.BaseMS + f.PerMgasMS*float64(gas)/1e6 }

// round rounds v to a multiple of step, which is a power of ten.
func round(v, step float64) float64 { return math.Round(v/step) / math.Round(1/step) }

// rank returns the q-quantile of sorted values by the nearest-rank method, or the zero
// value if there are none.
func rank[T any](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}
