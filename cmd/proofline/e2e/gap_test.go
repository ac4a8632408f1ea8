package e2e

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// TestGap measures the time from the end of one proof to the begin of the next while
// others wait, in a pipeline of processes: with a tool that leaves nothing behind, which
// is the pipeline's own time with the start of the tool's process, and with one whose
// services have to be ended first.
func TestGap(t *testing.T) {
	measuring(t)
	const blocks = 24
	for name, scenario := range map[string]zisktest.Scenario{"own": {PhaseMS: 5}, "cleaning": {PhaseMS: 5, Services: true}} {
		n := hoodi(t, blocks)
		f := newForked(t, nil, map[string]zisktest.Scenario{"prove": scenario})
		f.pipeline(n.URL, 1, f.prover("prove", ""))
		p := f.start("run")
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
		t.Attr(name+"-gap-ms", fmt.Sprintf("%.1f", gaps[len(gaps)/2].Seconds()*1e3))
		t.Attr(name+"-least-gap-ms", fmt.Sprintf("%.1f", gaps[0].Seconds()*1e3))
	}
}
