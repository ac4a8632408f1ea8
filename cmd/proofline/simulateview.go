package main

import (
	"fmt"
	"io"
	"time"

	"github.com/proofline/proofline/host/live"
	"github.com/proofline/proofline/host/simulate"
)

// writeSimulation prints one simulation for people.
func writeSimulation(w io.Writer, r simulate.Result, paint painter) error {
	fmt.Fprintf(w, "%s: %s, %s at a time, seed %d\n", paint.bold("simulation"), plural(r.Blocks, "block"), plural(r.Slots, "proof"), r.Seed)
	fmt.Fprintf(w, "model: %s\ngas: %s\n\n", r.Model.Name, r.Gas.Name)
	seconds := func(v float64) string { return span(time.Duration(v * float64(time.Second))) }
	t := newTable("OF PROVED BLOCKS", ">MEAN", ">HALF", ">90%", ">95%", ">99%", ">MAX")
	for _, line := range []struct {
		name string
		q    simulate.Quantiles
	}{{"timestamp to accepted", r.Latency}, {"proving time", r.Proving}} {
		t.add(line.name, seconds(line.q.Mean), seconds(line.q.P50), seconds(line.q.P90), seconds(line.q.P95), seconds(line.q.P99), seconds(line.q.Max))
	}
	if err := t.write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = newTable("OF TARGET BLOCKS", "", "BAR")
	count := live.Grouped[int]
	t.add("target blocks", count(r.Targets), "")
	t.add("accepted within 10 s", fmt.Sprintf("%.2f%%", 100*r.Under10s), "")
	t.add("accepted within a slot", fmt.Sprintf("%.2f%%", 100*r.UnderSlot), "")
	week, rules := r.Score.Week, r.Score.Rules
	t.add(fmt.Sprintf("performance, %s cohort", rules.Cohort), fmt.Sprintf("%.2f%%", week.Performance), barText(rules.PerformanceBar, r.Score.Verdict.Performance, week.Blocks, paint))
	t.add("liveness", fmt.Sprintf("%.2f%%", week.Liveness), barText(rules.LivenessBar, r.Score.Verdict.Liveness, week.Blocks, paint))
	t.add("stunners", count(week.Stunners), "")
	t.add("paralyzers", count(week.Paralyzers), "")
	t.add("missed", missesText(r.Misses), "")
	t.add("attempts", fmt.Sprintf("%s, %s failed", count(r.Attempts), count(r.Failed)), "")
	if r.Reorgs > 0 {
		t.add("blocks replaced", count(r.Reorgs), "")
	}
	if err := t.write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = newTable("OF THE GPUS", "")
	t.add("work by what they can do", fmt.Sprintf("%.2f", r.Load))
	t.add("utilisation", fmt.Sprintf("%.1f%%", 100*r.Used))
	t.add("waiting blocks", fmt.Sprintf("%.2f on average, %s at most, %s at the end", r.Queue.Mean, count(r.Queue.Max), count(r.Queue.End)))
	if r.Cost != nil {
		t.add("cost of a proof", fmt.Sprintf("%.4f in all; %.4f as EthProofs counts", r.Cost.PerProof, r.Cost.Site))
		t.add("cost of a day", fmt.Sprintf("%.2f", r.Cost.PerDay))
		t.add("energy", fmt.Sprintf("%.4f kWh a proof, %.1f kWh a day", r.Cost.KWhPerProof, r.Cost.KWhPerDay))
	}
	if err := t.write(w); err != nil {
		return err
	}
	text := "it keeps up with the chain"
	if !r.KeepsUp {
		text = paint.bad("it falls behind the chain")
	}
	_, err := fmt.Fprintln(w, "\n"+text)
	return err
}

// missesText returns the misses as text: "12: 10 waiting, 2 failed".
func missesText(m simulate.Misses) string {
	text := live.Grouped(m.All)
	sign := ": "
	for _, part := range []struct {
		n    int
		name string
	}{{m.Waiting, "waiting"}, {m.Failed, "failed"}, {m.Dropped, "dropped"}, {m.Untaken, "never taken"}} {
		if part.n > 0 {
			text += fmt.Sprintf("%s%s %s", sign, live.Grouped(part.n), part.name)
			sign = ", "
		}
	}
	return text
}

// writeSweep prints the table of a sweep for people.
func (c commands) writeSweep(s simulate.Table) error {
	head, lines := s.Columns()
	for i := range head {
		head[i] = ">" + head[i]
	}
	t := newTable(head...)
	for _, line := range lines {
		t.add(line...)
	}
	first := s.Points[0]
	fmt.Fprintf(c.Stdout, "%s, seed %d\nmodel: %s\ngas: %s\n\n", plural(first.Blocks, "block"), first.Seed, first.Model.Name, first.Gas.Name)
	if err := t.write(c.Stdout); err != nil {
		return err
	}
	fmt.Fprintln(c.Stdout)
	for _, line := range s.Remarks() {
		fmt.Fprintln(c.Stdout, line)
	}
	return nil
}
