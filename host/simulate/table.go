package simulate

import (
	"fmt"
	"strconv"
)

// unit returns the name of the varied number.
func (t Table) unit() string {
	if t.Vary == "every" {
		return "every which block is proved"
	}
	return "GPUs"
}

// value returns the varied number of a point.
func (t Table) value(r Result) uint64 {
	if t.Vary == "every" {
		return r.Every
	}
	return uint64(r.GPUs)
}

// Columns returns the headings of the table and a line of cells for each point.
func (t Table) Columns() (head []string, lines [][]string) {
	head = []string{"GPUs", "slots", "every", "load", "used", "keeps up", "p50", "p95", "p99", "< 10 s", "proved", "performance", "liveness", "queue"}
	priced := t.Points[0].Cost != nil
	if priced {
		head = append(head, "per proof", "per day", "kWh/day")
	}
	percent := func(v float64) string { return fmt.Sprintf("%.1f%%", v) }
	seconds := func(v float64) string {
		if v >= 1000 {
			return fmt.Sprintf("%.0fs", v)
		}
		return fmt.Sprintf("%.1fs", v)
	}
	for _, r := range t.Points {
		keeps := "no"
		if r.KeepsUp {
			keeps = "yes"
		}
		line := []string{
			strconv.Itoa(r.GPUs), strconv.Itoa(r.Slots), strconv.FormatUint(r.Every, 10), fmt.Sprintf("%.2f", r.Load), percent(100 * r.Used), keeps,
			seconds(r.Latency.P50), seconds(r.Latency.P95), seconds(r.Latency.P99), percent(100 * r.Under10s),
			fmt.Sprintf("%d/%d", r.Proved, r.Targets), percent(r.Score.Week.Performance), percent(r.Score.Week.Liveness), strconv.Itoa(r.Queue.Max),
		}
		if priced {
			line = append(line, fmt.Sprintf("%.4f", r.Cost.PerProof), fmt.Sprintf("%.2f", r.Cost.PerDay), fmt.Sprintf("%.1f", r.Cost.KWhPerDay))
		}
		lines = append(lines, line)
	}
	return head, lines
}

// Remarks returns sentences about which points keep up.
func (t Table) Remarks() (lines []string) {
	name := func(r Result) string {
		if t.Vary == "every" {
			return fmt.Sprintf("every=%d", r.Every)
		}
		return fmt.Sprintf("gpus=%d (%d at a time)", r.GPUs, r.Slots)
	}
	bar := "EthProofs' bar of performance"
	if rules := t.Points[0].Score.Rules; t.Vary == "gpus" {
		bar += fmt.Sprintf(", %d%% of the blocks proved in less than %g s", rules.PerformanceBar, float64(rules.ThresholdMS)/1000)
	}
	if t.Enough < 0 {
		return append(lines, "None of these keeps up with the chain.")
	}
	lines = append(lines, "The first that keeps up is "+name(t.Points[t.Enough])+".")
	if t.Fast >= 0 {
		return append(lines, fmt.Sprintf("The first that also reaches %s, is %s.", bar, name(t.Points[t.Fast])))
	}
	return append(lines, fmt.Sprintf("None reaches %s: more proofs at a time do not make one faster. A faster prover, or more GPUs for each proof, would.", bar))
}
