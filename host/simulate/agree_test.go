package simulate

import (
	"context"
	"math"
	"os"
	"testing"
	"time"

	"github.com/proofline/proofline/host/engine"
)

// fastClock is the machine's clock, made faster by a factor.
type fastClock struct {
	began  time.Time
	factor int64
}

func (c fastClock) Now() time.Time {
	return genesis.Add(time.Since(c.began) * time.Duration(c.factor))
}
func (c fastClock) Go(f func()) { go f() }
func (c fastClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	var passed <-chan time.Time
	if d < engine.Forever {
		timer := time.NewTimer(d / time.Duration(c.factor))
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-passed:
	}
}
func (c fastClock) WithDeadline(ctx context.Context, at time.Time, cause error) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, c.began.Add(at.Sub(genesis)/time.Duration(c.factor)), cause)
}

// inRealTime runs the doubles of a plan with an engine as a host does, with concurrent
// goroutines and the timers of the machine. Only its seconds are shorter. Its records are
// in memory, because a disk does not become faster with the clock.
func inRealTime(t *testing.T, p Plan, factor int64) Result {
	t.Helper()
	clock := fastClock{time.Now(), factor}
	s := newSimulation(p, clock)
	e, err := engine.New(s.config(), &session{store: s.store}, noFiles{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(s.end.Add(3*time.Minute).Sub(clock.Now())/time.Duration(factor), stop)
	if err := e.Run(ctx, ctx); err != nil {
		t.Fatal(err)
	}
	return s.result()
}

// TestAgreesWithRealTime compares 200 blocks in virtual time with the same blocks in real
// time, made twelve times faster. The median and the 95th percentile of the latency differ
// by less than 5 %, although proofs fail and blocks are replaced. It does not cover
// processes and the checkpoint; TestSimulateAgreesWithAPipeline does.
func TestAgreesWithRealTime(t *testing.T) {
	if os.Getenv("PROOFLINE_SIMULATE_REAL") == "" {
		t.Skip("takes four minutes; make test-simulate")
	}
	for name, p := range map[string]Plan{
		"one set, every second block": plan(200, 1, 2),
		"two sets, every block":       plan(200, 2, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.Failures, p.Reorgs = 0.02, 72
			virtual, real := run(t, p), inRealTime(t, p, 12)
			t.Logf("virtual: %+v, queue %+v, %d of %d proved, load %g", virtual.Latency, virtual.Queue, virtual.Proved, virtual.Targets, virtual.Load)
			t.Logf("real:    %+v, queue %+v, %d of %d proved, load %g", real.Latency, real.Queue, real.Proved, real.Targets, real.Load)
			for _, c := range []struct {
				name string
				a, b float64
			}{{"half", virtual.Latency.P50, real.Latency.P50}, {"95 of 100", virtual.Latency.P95, real.Latency.P95}} {
				if off := math.Abs(c.b/c.a - 1); off > 0.05 {
					t.Errorf("%s: %.2f s in virtual time, %.2f s in real time: %.1f %% off", c.name, c.a, c.b, 100*off)
				}
			}
			if virtual.Targets-virtual.Proved != real.Targets-real.Proved {
				t.Errorf("%d proved in virtual time, %d in real time", virtual.Proved, real.Proved)
			}
		})
	}
}
