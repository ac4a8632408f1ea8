package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// plan returns a plan for mainnet on sets of 8 RTX 5090. Measured and Mainnet name the
// source of the measurements.
func plan(blocks, gpus int, every uint64) Plan {
	return Plan{
		Blocks: blocks, SlotTime: MainnetSlot, Seed: 1, GPUs: gpus, GPUsPerProof: 1, Model: Measured, Gas: Mainnet, Times: DefaultTimes,
		Selection: selection.Selection{Targets: contract.Selection{Every: every}, Order: selection.NewestFirst, DropAfter: 168 * time.Hour, Repair: 128},
		Retries:   2, Backoff: 5 * time.Second, Timeout: 2 * time.Hour,
	}
}

func run(t *testing.T, p Plan) Result {
	t.Helper()
	r, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestKnownPoints: one set that needs 17 s for a block falls behind with a block every
// 12 s, and keeps up with a block every 24 s.
func TestKnownPoints(t *testing.T) {
	t.Parallel()
	const blocks = 300
	every1, every2, two := run(t, plan(blocks, 1, 1)), run(t, plan(blocks, 1, 2)), run(t, plan(blocks, 2, 1))
	if every1.KeepsUp || every1.Load < 1.35 || every1.Load > 1.5 || every1.Used < 0.99 {
		t.Errorf("one set, every block: load %g, used %g, keeps up %v", every1.Load, every1.Used, every1.KeepsUp)
	}
	// One set proves only a part: 300 blocks of 12 s are 3600 s, and 3600/17.1 is 211.
	if left := every1.Queue.End; left < 75 || left > 105 || every1.Misses.All != every1.Misses.Waiting {
		t.Errorf("one set, every block: %d wait at the end, misses %+v", left, every1.Misses)
	}
	for name, r := range map[string]Result{"one set, every second block": every2, "two sets, every block": two} {
		if !r.KeepsUp || r.Proved != r.Targets || r.Load < 0.65 || r.Load > 0.76 || r.Queue.Max > 5 {
			t.Errorf("%s: load %g, %d of %d proved, queue %+v", name, r.Load, r.Proved, r.Targets, r.Queue)
		}
	}
	if every2.Targets != blocks/2 || two.Targets != blocks {
		t.Errorf("%d and %d targets", every2.Targets, two.Targets)
	}
}

// hard returns a plan with failures, reorgs and outages.
func hard(blocks int) Plan {
	p := plan(blocks, 2, 1)
	p.Failures, p.Reorgs, p.Timeout = 0.1, 300, 26*time.Second
	p.Outages = []Outage{
		{Machine, 10 * time.Minute, 3 * time.Minute}, {GPUs, 20 * time.Minute, 2 * time.Minute}, {Node, 30 * time.Minute, 4 * time.Minute},
	}
	return p
}

func TestSameSeedSameFigures(t *testing.T) {
	t.Parallel()
	first := run(t, hard(200))
	if first.Failed == 0 || first.Reorgs == 0 || first.Queue.Max < 5 {
		t.Errorf("nothing has happened: %+v", first)
	}
	for range 2 {
		if diff := cmp.Diff(first, run(t, hard(200)), cmp.AllowUnexported(Result{}, Model{}, distribution{}, Series{}, Span{})); diff != "" {
			t.Fatal(diff)
		}
	}
	other := hard(200)
	other.Seed++
	if r := run(t, other); r.Latency == first.Latency {
		t.Error("another seed changes nothing")
	}
}

func TestOutages(t *testing.T) {
	t.Parallel()
	const blocks = 300 // an hour
	base := plan(blocks, 2, 1)
	base.Model = Model{Name: "8", Base: 8}
	if r := run(t, base); r.Proved != blocks || r.Queue.Max > 1 || r.Latency.Max > 11 {
		t.Fatalf("without an outage: %+v", r)
	}
	for part, why := range map[Part]string{
		Machine: "the engine recovers from its store, and the source tells of what it missed",
		GPUs:    "the stage pauses and costs no block",
		Node:    "polls and fetches pause",
	} {
		p := base
		p.Outages = []Outage{{part, 20 * time.Minute, 10 * time.Minute}}
		r := run(t, p)
		// The first block of the outage waits for its end and for 50 other blocks, because
		// the newest block is proved first. Two proofs in 8 s gain 4 s of every 12 s.
		if r.Proved != blocks || r.Latency.Max < 600 || r.Latency.Max > 2400 || r.Failed != 0 {
			t.Errorf("%s away (%s): %d proved, %d failed, latency %+v, queue %+v", part, why, r.Proved, r.Failed, r.Latency, r.Queue)
		}
		if part != Node && (r.Queue.Max < 45 || r.Queue.Max > 60) {
			t.Errorf("%s away: queue %+v", part, r.Queue)
		}
		if !r.KeepsUp {
			t.Errorf("%s away: %+v", part, r)
		}
	}
}

func TestFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	p := plan(300, 4, 1)
	p.Failures, p.Retries = 0.3, 1
	r := run(t, p)
	// Of 300 first attempts 30 % fail, and of the second ones again: 9 % of the blocks. After
	// three blocks that fail alike the breaker pauses the stage, so that some are spared.
	if rate := float64(r.Failed) / float64(r.Attempts); rate < 0.25 || rate > 0.35 {
		t.Errorf("%d of %d attempts failed", r.Failed, r.Attempts)
	}
	if r.Misses.Failed < 12 || r.Misses.Failed > 45 || r.Misses.All != r.Misses.Failed+r.Misses.Waiting {
		t.Errorf("misses %+v", r.Misses)
	}
	if r.Score.Week.Paralyzers != r.Misses.All {
		t.Errorf("%d paralyzers of %d misses: each of them was announced", r.Score.Week.Paralyzers, r.Misses.All)
	}
}

func TestReorgs(t *testing.T) {
	t.Parallel()
	p := plan(300, 2, 1)
	p.Reorgs = 720 // one block of ten
	r := run(t, p)
	if r.Reorgs < 15 || r.Reorgs > 50 || r.Targets != 300-r.Reorgs {
		t.Errorf("%d blocks of 300 were replaced, %d targets are left", r.Reorgs, r.Targets)
	}
	if r.Proved != r.Targets {
		t.Errorf("%d of %d targets proved: %+v", r.Proved, r.Targets, r.Misses)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, plan(7200, 1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"no blocks":        func(p *Plan) { p.Blocks = 0 },
		"too many blocks":  func(p *Plan) { p.Blocks = maxBlocks + 1 },
		"no GPU":           func(p *Plan) { p.GPUs = 0 },
		"a set of nothing": func(p *Plan) { p.GPUsPerProof = 0 },
		"half a set":       func(p *Plan) { p.GPUs, p.GPUsPerProof = 12, 8 },
		"no target":        func(p *Plan) { p.Selection.Targets.Every = 0 },
		"no slot":          func(p *Plan) { p.SlotTime = 0 },
		"a share above 1":  func(p *Plan) { p.Failures = 1.5 },
	} {
		p := plan(10, 1, 1)
		change(&p)
		if _, err := Run(t.Context(), p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCost(t *testing.T) {
	p := plan(300, 16, 1)
	p.GPUsPerProof, p.Prices = 8, Prices{GPUHour: 0.5, KWh: 0.2, Watts: 500, IdleWatts: 50}
	r := run(t, p)
	// An hour of 16 GPUs is 8. They work for Used of it.
	kwh := 16 * (r.Used*500 + (1-r.Used)*50) / 1000
	for name, pair := range map[string][2]float64{
		"per proof": {r.Cost.PerProof, (8 + 0.2*kwh) / 300}, "per day": {r.Cost.PerDay, 24 * (8 + 0.2*kwh)},
		"energy": {r.Cost.KWhPerDay, 24 * kwh}, "site": {r.Cost.Site, 8 * 0.5 * r.Proving.Mean / 3600},
	} {
		if got, want := pair[0], pair[1]; got < 0.995*want || got > 1.005*want {
			t.Errorf("%s: %g, want %g", name, got, want)
		}
	}
}

func TestResultAsJSON(t *testing.T) {
	text, err := json.Marshal(run(t, plan(20, 1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"latency", "proving", "under_10s", "load", "utilisation", "keeps_up", "queue", "misses", "score"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("no %s in %s", name, text)
		}
	}
	if _, priced := fields["cost"]; priced {
		t.Error("a cost without prices")
	}
}

// BenchmarkDay simulates a day of every block on 8 sets, with all that can happen. It must
// take less than 10 s of a processor.
func BenchmarkDay(b *testing.B) {
	for b.Loop() {
		p := hard(7200)
		p.GPUs, p.Seed, p.Failures, p.Reorgs = 8, rand.Uint64(), 0.005, 1
		began := processorTime(b)
		if _, err := Run(b.Context(), p); err != nil {
			b.Fatal(err)
		}
		took := processorTime(b) - began
		b.ReportMetric(took.Seconds(), "cpu-s/day")
		b.Logf("a day of 7,200 blocks: %.1f s of a processor, limit 10", took.Seconds())
		if took > 10*time.Second {
			b.Errorf("a day takes %s of a processor", took)
		}
	}
}

func processorTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
