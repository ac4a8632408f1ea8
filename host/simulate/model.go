package simulate

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Model is the time for which one slot of the prover works on a block. It is a line over
// the block's gas, plus a random difference between blocks of the same gas.
type Model struct {
	Name    string  `json:"name"`
	Base    float64 `json:"base_s"`
	PerMgas float64 `json:"per_mgas_s"`
	// Floor is the shortest possible time in seconds.
	Floor     float64      `json:"floor_s"`
	residuals distribution // difference from the line in seconds; empty for none
}

// Measured is the model of 500 mainnet blocks (23533500 to 23533999) that ZisK 0.16.1
// proved with the ethrex guest 33695e2 on 8 RTX 5090 together
// (eth-act/zkevm-benchmark-runs:data/proving/8x5090/mainnet-23533500-23533999@9d6375e9). It
// has the least-squares line, whose R² is 0.89, the quantiles of the residuals, and the
// shortest time.
var Measured = Model{
	Name: "ZisK 0.16.1 on 8 RTX 5090: 3.97+0.584/Mgas, with what blocks differ by", Base: 3.97, PerMgas: 0.584, Floor: 5.1,
	residuals: distribution{quantileShares, []float64{
		-8.83, -4.84, -3.07, -2.21, -1.41, -1.06, -0.83, -0.68, -0.55, -0.40, -0.29, -0.19, -0.10,
		-0.01, 0.09, 0.27, 0.42, 0.74, 0.96, 1.35, 1.71, 2.59, 3.69, 4.34, 6.81,
	}},
}

// quantileShares are the shares of the quantiles of the built-in distributions.
var quantileShares = []float64{
	0, 0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50,
	0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95, 0.98, 0.99, 1,
}

var modelForm = regexp.MustCompile(`^([0-9.]+)(?:\+([0-9.]+)/Mgas)?(?:\+-([0-9.]+))?$`)

// ParseModel parses "3.97+0.584/Mgas", in seconds, or "17" for a time that does not depend
// on gas. "+-1.5" at the end is the standard deviation of a normal distribution that is
// added.
func ParseModel(text string) (Model, error) {
	parts := modelForm.FindStringSubmatch(strings.ReplaceAll(text, " ", ""))
	wrong := fmt.Errorf(`%q is no model; write the seconds of a proof as "3.97+0.584/Mgas", "17" or "3.97+0.584/Mgas+-1.5"`, text)
	if parts == nil {
		return Model{}, wrong
	}
	var number [3]float64
	for i, part := range parts[1:] {
		if part == "" {
			continue
		}
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || v > maxModel {
			return Model{}, wrong
		}
		number[i] = v
	}
	m := Model{Name: text, Base: number[0], PerMgas: number[1]}
	if m.Base+m.PerMgas == 0 {
		return Model{}, wrong
	}
	if number[2] > 0 {
		m.residuals = normal(number[2])
	}
	return m, nil
}

// maxModel is the largest number of a model: the seconds of a day.
const maxModel = 86400

// normal returns a normal distribution around 0 whose tails are cut off.
func normal(deviation float64) (d distribution) {
	const points = 400
	for i := range points + 1 {
		share := float64(i) / points
		inside := min(max(share, 0.25/points), 1-0.25/points)
		d.shares = append(d.shares, share)
		d.values = append(d.values, deviation*math.Sqrt2*math.Erfinv(2*inside-1))
	}
	return d
}

// Time returns how long a block with an amount of gas takes. share, from 0 to 1, is a
// random number that selects the residual.
func (m Model) Time(gas uint64, share float64) time.Duration {
	seconds := m.Base + m.PerMgas*float64(gas)/1e6
	if len(m.residuals.shares) > 0 {
		seconds += m.residuals.at(share)
	}
	return time.Duration(max(seconds, m.Floor, 0.001) * float64(time.Second))
}
