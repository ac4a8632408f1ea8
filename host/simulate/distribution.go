package simulate

import "sort"

// distribution is a quantile function: points with linear interpolation between them.
type distribution struct {
	shares []float64 // ascending, from 0 to 1
	values []float64 // ascending
}

// at returns the quantile of a share from 0 to 1.
func (d distribution) at(share float64) float64 {
	i := sort.SearchFloat64s(d.shares, share)
	switch {
	case i == 0:
		return d.values[0]
	case i == len(d.shares):
		return d.values[i-1]
	}
	part := (share - d.shares[i-1]) / (d.shares[i] - d.shares[i-1])
	return d.values[i-1] + part*(d.values[i]-d.values[i-1])
}

// sampleDistribution returns the distribution of samples in ascending order.
func sampleDistribution(values []float64) distribution {
	d := distribution{values: values}
	for i := range values {
		d.shares = append(d.shares, float64(i)/float64(max(len(values)-1, 1)))
	}
	return d
}
