package simulate

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Model says how long one slot of the prover works on a block: a line over its gas, and
// what blocks of the same gas differ by.
type Model struct {
	Name    string  `json:"name"`
	Base    float64 `json:"base_s"`
	PerMgas float64 `json:"per_mgas_s"`
	// Floor is the shortest time that is possible, in seconds.
	Floor     float64      `json:"floor_s"`
	residuals distribution // in seconds, around 0; empty for a model that is exact
}

// Measured is the model of 500 mainnet blocks (23533500 to 23533999) that ZisK 0.16.1
// proved with the ethrex guest 33695e2 on 8 RTX 5090 together
// (eth-act/zkevm-benchmark-runs:data/proving/8x5090/mainnet-23533500-23533999@9d6375e9): the
// least-squares line, of which R² is 0.89, the quantiles of what is left, and the fastest.
var Measured = Model{
	Name: "ZisK 0.16.1 on 8 RTX 5090: 3.97+0.584/Mgas, with what blocks differ by", Base: 3.97, PerMgas: 0.584, Floor: 5.1,
	residuals: distribution{quantiles, []float64{
		-8.83, -4.84, -3.07, -2.21, -1.41, -1.06, -0.83, -0.68, -0.55, -0.40, -0.29, -0.19, -0.10,
		-0.01, 0.09, 0.27, 0.42, 0.74, 0.96, 1.35, 1.71, 2.59, 3.69, 4.34, 6.81,
	}},
}

// quantiles are the shares that the built-in distributions are given at.
var quantiles = []float64{
	0, 0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50,
	0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95, 0.98, 0.99, 1,
}

var modelForm = regexp.MustCompile(`^([0-9.]+)(?:\+([0-9.]+)/Mgas)?(?:\+-([0-9.]+))?$`)

// ParseModel reads "3.97+0.584/Mgas", in seconds, or "17" for a time that does not depend
// on gas. A "+-1.5" behind it is the standard deviation of what blocks differ by.
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

// maxModel bounds the numbers of a model: a day.
const maxModel = 86400

// normal is a normal distribution without the outermost tails.
func normal(deviation float64) (d distribution) {
	const points = 400
	for i := range points + 1 {
		share := float64(i) / points
		inside := min(max(share, 0.25/points), 1-0.25/points)
		d.share = append(d.share, share)
		d.value = append(d.value, deviation*math.Sqrt2*math.Erfinv(2*inside-1))
	}
	return d
}

// Time is how long a block of that gas takes; share, from 0 to 1, is chance.
func (m Model) Time(gas uint64, share float64) time.Duration {
	seconds := m.Base + m.PerMgas*float64(gas)/1e6
	if len(m.residuals.share) > 0 {
		seconds += m.residuals.at(share)
	}
	return time.Duration(max(seconds, m.Floor, 0.001) * float64(time.Second))
}
