package simulate

import (
	"fmt"
	"math"
	"strings"
)

// plot is a chart of lines for the template. Positions are in pixels of a view of 960 by
// 320.
type plot struct {
	Title, Below string
	X, Y         []tick
	Lines        []curve
}

type tick struct {
	At    float64
	Label string
}

type curve struct {
	Name, Colour string
	Points       string
	Dots         []dot
}

type dot struct {
	X, Y  float64
	Title string
}

// data is a line whose positions are not computed yet. Values that are NaN are left out.
type data struct {
	name   string
	values []float64
}

// The inside of a plot.
const (
	plotLeft, plotRight = 60.0, 940.0
	plotTop, plotBottom = 15.0, 270.0
)

// colours are the colours of the lines. Colour-blind people can distinguish them (Okabe
// and Ito).
var colours = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7"}

// newPlot computes the positions of lines over common x values in ascending order. The y
// axis begins at 0 and ends at top, or above the largest value if top is 0. With dots,
// each value has a mark and the x values are labelled. Without dots, x is continuous.
func newPlot(title, below string, x []float64, label func(float64) string, top float64, unit string, dots bool, lines ...data) plot {
	p := plot{Title: title, Below: below}
	if top == 0 {
		for _, l := range lines {
			for _, v := range l.values {
				if !math.IsNaN(v) {
					top = max(top, v)
				}
			}
		}
	}
	step := roundStep(top / 5)
	top = max(math.Ceil(top/step-1e-9), 1) * step
	first, last := x[0], x[len(x)-1]
	placeX := func(v float64) float64 {
		if last == first {
			return (plotLeft + plotRight) / 2
		}
		return tenths(plotLeft + (v-first)/(last-first)*(plotRight-plotLeft))
	}
	placeY := func(v float64) float64 { return tenths(plotBottom - min(v/top, 1)*(plotBottom-plotTop)) }
	for i := 0; float64(i)*step <= top+step/2; i++ {
		v := float64(i) * step
		p.Y = append(p.Y, tick{placeY(v), fmt.Sprintf("%.3g%s", v, unit)})
	}
	if dots {
		const labels = 17
		for i := 0; i < len(x); i += (len(x) + labels - 1) / labels {
			p.X = append(p.X, tick{placeX(x[i]), label(x[i])})
		}
	} else {
		step := roundStep((last - first) / 12)
		for i := 0; first+float64(i)*step <= last+1e-9; i++ {
			v := first + float64(i)*step
			p.X = append(p.X, tick{placeX(v), label(v)})
		}
	}
	for i, l := range lines {
		c := curve{Name: l.name, Colour: colours[i%len(colours)]}
		var points []string
		for k, v := range l.values {
			if math.IsNaN(v) {
				continue
			}
			points = append(points, fmt.Sprintf("%g,%g", placeX(x[k]), placeY(v)))
			if dots {
				c.Dots = append(c.Dots, dot{placeX(x[k]), placeY(v), fmt.Sprintf("%s, %s: %.4g%s", l.name, label(x[k]), v, unit)})
			}
		}
		c.Points = strings.Join(points, " ")
		p.Lines = append(p.Lines, c)
	}
	return p
}

// roundStep returns the smallest of 1, 2 and 5 times a power of ten that is at least v.
func roundStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, digit := range []float64{1, 2, 5} {
		if digit*power >= v-1e-12 {
			return digit * power
		}
	}
	return 10 * power
}

// tenths rounds to one decimal place.
func tenths(v float64) float64 { return math.Round(v*10) / 10 }
