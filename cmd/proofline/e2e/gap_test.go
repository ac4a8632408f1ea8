package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// TestGap measures the time from the end of one proof to the begin of the next one while
// blocks wait, in a pipeline of processes. The own time is that without the start and the
// end of the tool's process, which are measured alone with the same double. The plain tool
// leaves no processes behind. Another one has services that must be ended first. A third one
// takes 50 ms from its figures to its end, in which the next block is made ready up to the
// lock of the cards.
func TestGap(t *testing.T) {
	measuring(t)
	const blocks = 24
	medians := map[string]time.Duration{}
	for name, scenario := range map[string]zisktest.Scenario{"plain": {PhaseMS: 5}, "ready": {PhaseMS: 5, EndMS: 50}, "cleaning": {PhaseMS: 5, Services: true}} {
		n := hoodi(t, blocks)
		f := newForked(t, nil, map[string]zisktest.Scenario{"prove": scenario})
		f.pipeline(n.URL, 1, f.prover("prove", ""))
		p := f.start("run")
		f.proofs(p, "prove", blocks)
		f.until(p, "all blocks are done", func(snap status.Snapshot) bool { return snap.Counts.Done == blocks })
		p.signal(syscall.SIGINT)
		p.wait()
		var gaps []time.Duration
		var before time.Time
		for _, c := range f.tools["prove"].Calls() {
			if c.Args[0] != "prove" {
				continue
			}
			if !before.IsZero() {
				gaps = append(gaps, c.Start.Sub(before))
			}
			before = c.End
		}
		if len(gaps) != blocks-1 {
			t.Fatalf("%d gaps between %d proofs", len(gaps), blocks)
		}
		slices.Sort(gaps)
		medians[name] = gaps[len(gaps)/2]
	}
	start, end := bareTool(t)
	for name, gap := range medians {
		t.Attr(name+"-gap-ms", fmt.Sprintf("%.1f", gap.Seconds()*1e3))
		t.Attr(name+"-own-ms", fmt.Sprintf("%.1f", (gap-start-end).Seconds()*1e3))
	}
	t.Attr("tool-start-ms", fmt.Sprintf("%.1f", start.Seconds()*1e3))
	t.Attr("tool-end-ms", fmt.Sprintf("%.1f", end.Seconds()*1e3))
}

// proofs waits until the tool of a stage has begun and ended a number of proofs. It reads
// the records of the tool itself, because a request to the host would disturb the
// measurement.
func (f *forked) proofs(p *process, stage string, count int) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("%d proofs are made", count), func() bool {
		select {
		case <-p.done:
			f.t.Fatal("proofline has ended")
		default:
		}
		ended := 0
		for _, c := range f.tools[stage].Calls() {
			if c.Args[0] == "prove" && !c.End.IsZero() {
				ended++
			}
		}
		return ended >= count
	})
}

// bareTool returns the median time until the double's process has recorded its start, and
// from its last record until its end is known, of 20 calls that do nothing.
func bareTool(t *testing.T) (start, end time.Duration) {
	t.Helper()
	tool := zisktest.New(t, zisktest.Scenario{})
	var starts, ends []time.Duration
	for i := range 20 {
		began := time.Now()
		_ = exec.Command(tool.Path, "prove", "--elf", t.Name()).Run() // there is no such program
		over := time.Now()
		calls := tool.Calls()
		if len(calls) != i+1 || calls[i].End.IsZero() {
			t.Fatalf("calls %+v", calls)
		}
		starts, ends = append(starts, calls[i].Start.Sub(began)), append(ends, over.Sub(calls[i].End))
	}
	slices.Sort(starts)
	slices.Sort(ends)
	return starts[10], ends[10]
}
