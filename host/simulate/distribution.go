package simulate

import "sort"

// distribution is the inverse of a distribution function, linear between its points.
type distribution struct {
	share []float64 // ascending, from 0 to 1
	value []float64 // ascending
}

// at is the value below which that share of all lies.
func (d distribution) at(share float64) float64 {
	i := sort.SearchFloat64s(d.share, share)
	switch {
	case i == 0:
		return d.value[0]
	case i == len(d.share):
		return d.value[i-1]
	}
	part := (share - d.share[i-1]) / (d.share[i] - d.share[i-1])
	return d.value[i-1] + part*(d.value[i]-d.value[i-1])
}

// sampled is the distribution of values that were seen, in ascending order.
func sampled(values []float64) distribution {
	d := distribution{value: values}
	for i := range values {
		d.share = append(d.share, float64(i)/float64(max(len(values)-1, 1)))
	}
	return d
}
