package simulate

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/bench"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// Provenance is the version that made a page, and the time.
type Provenance struct {
	Version string
	Made    time.Time
}

type content struct {
	Provenance
	Title, Model, Gas string
	Seed              uint64
	Remarks           []string
	Head              []string
	Rows              []row
	Plots             []plot
}

type row struct {
	Cells  []string
	Enough bool
}

// HTML writes one self-contained page: the table, and plots of latencies, shares and, if
// there are prices, costs over the varied number.
func (t Table) HTML(to io.Writer, provenance Provenance) error {
	first := t.Points[0]
	c := content{
		Provenance: provenance, Model: first.Model.Name, Gas: first.Gas.Name, Seed: first.Seed, Remarks: t.Remarks(),
		Title: fmt.Sprintf("%d blocks of the chain, by %s", first.Blocks, t.unit()),
	}
	head, cells := t.Columns()
	c.Head = head
	for i, line := range cells {
		c.Rows = append(c.Rows, row{line, i == t.Enough})
	}
	x := make([]float64, len(t.Points))
	for i, r := range t.Points {
		x[i] = float64(t.value(r))
	}
	pick := func(name string, value func(Result) float64) data {
		d := data{name: name}
		for _, r := range t.Points {
			d.values = append(d.values, value(r))
		}
		return d
	}
	seconds := func(value func(Quantiles) float64) func(Result) float64 {
		return func(r Result) float64 {
			if r.Latency.Count == 0 {
				return math.NaN()
			}
			return value(r.Latency)
		}
	}
	integer := func(v float64) string { return strconv.Itoa(int(v)) }
	c.Plots = append(c.Plots,
		newPlot("Seconds from a block's timestamp until its proof is accepted, of blocks that were proved", t.unit(), x, integer, 0, " s", true,
			pick("half of them", seconds(func(q Quantiles) float64 { return q.P50 })),
			pick("95 of 100", seconds(func(q Quantiles) float64 { return q.P95 })),
			pick("99 of 100", seconds(func(q Quantiles) float64 { return q.P99 }))),
		newPlot("Shares of the target blocks", t.unit(), x, integer, 100, " %", true,
			pick("proved (liveness)", func(r Result) float64 { return r.Score.Week.Liveness }),
			pick("proving time below the threshold (performance)", func(r Result) float64 { return r.Score.Week.Performance }),
			pick("accepted within a slot", func(r Result) float64 { return 100 * r.UnderSlot }),
			pick("utilisation of the GPUs", func(r Result) float64 { return 100 * r.Used })))
	if first.Cost != nil {
		c.Plots = append(c.Plots, newPlot("Cost of a proof", t.unit(), x, integer, 0, "", true,
			pick("all that the GPUs cost, by the proofs", func(r Result) float64 { return r.Cost.PerProof })))
	}
	return page.Execute(to, c)
}

// HTML writes one self-contained page: the figures, the distribution of latencies, and the
// queue over time.
func (r Result) HTML(to io.Writer, provenance Provenance) error {
	one := Table{Sweep: Sweep{Vary: "gpus", Values: []uint64{uint64(r.GPUs)}}, Points: []Result{r}, Enough: -1, Fast: -1}
	head, cells := one.Columns()
	c := content{
		Provenance: provenance, Model: r.Model.Name, Gas: r.Gas.Name, Seed: r.Seed, Head: head, Rows: []row{{Cells: cells[0]}},
		Title: fmt.Sprintf("%d blocks of the chain, proofs at a time: %d", r.Blocks, r.Slots),
	}
	if len(r.latencies) > 0 {
		const points = 200
		var x []float64
		below := data{name: "blocks of 100 whose proof is accepted by then"}
		top := max(bench.Quantile(r.latencies, 0.99)*1.1, 1)
		for i := range points + 1 {
			at := top * float64(i) / points
			x = append(x, at)
			n := 0
			for n < len(r.latencies) && r.latencies[n] <= at {
				n++
			}
			below.values = append(below.values, 100*float64(n)/float64(max(r.Targets, 1)))
		}
		c.Plots = append(c.Plots, newPlot("How latencies are distributed", "seconds after the block's timestamp", x,
			func(v float64) string { return fmt.Sprintf("%.3g", v) }, 100, " %", false, below))
	}
	x := []float64{0}
	queue := data{name: "blocks", values: []float64{0}}
	for i, n := range r.waiting {
		x = append(x, float64(i+1)*float64(r.Blocks)*r.Slot.Hours()/float64(len(r.waiting)))
		queue.values = append(queue.values, float64(n))
	}
	c.Plots = append(c.Plots, newPlot("Blocks that wait for their proof to begin", "hours", x,
		func(v float64) string { return fmt.Sprintf("%.3g", v) }, 0, "", false, queue))
	return page.Execute(to, c)
}
