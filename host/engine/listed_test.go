package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// listed returns a rig whose pipeline lists blocks and follows the chain by every; 0 does
// not follow it. The head of the source stays where it is.
func listed(t *testing.T, every uint64, blocks ...uint64) *rig {
	r := newRig(t, newMemory(t), func(c *Config) {
		c.Selection.Targets.Every, c.Selection.Blocks = every, blocks
	})
	r.source.known, r.proof.do = map[uint64]contract.Block{}, proving
	return r
}

// appear makes a block exist.
func (w *worker) appear(b contract.Block) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[b.Number] = b
}

// TestAwaitedBlockIsTakenInWhenItExists: a listed one, also beside a poll that waits for a
// target, and one that the operator asked for while no host ran.
func TestAwaitedBlockIsTakenInWhenItExists(t *testing.T) {
	awaited := []uint64{5, 6, 7, 8}
	for name, newRig := range map[string]func(*testing.T) *rig{
		"listed only":      func(t *testing.T) *rig { return listed(t, 0, awaited...) },
		"beside the chain": func(t *testing.T) *rig { return listed(t, 100, awaited...) },
		"asked for": func(t *testing.T) *rig {
			r := listed(t, 100)
			for i, n := range awaited {
				r.store.requests = append(r.store.requests, record.Request{ID: uint64(i + 1), Verb: record.VerbAdd, Number: n, At: time.Now()})
			}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				fetched := map[uint64]time.Time{}
				r.source.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
					fetched[task.Block.Number] = time.Now()
					return contract.Result{Outputs: []contract.Artifact{{Name: "block.json"}}}, nil
				}
				stop := r.start(t)
				for i, n := range awaited {
					time.Sleep(33400 * time.Millisecond)
					b := testBlock(n, 0)
					r.source.appear(b)
					time.Sleep(5 * time.Second)
					synctest.Wait()
					most := lookAgain
					if name == "asked for" {
						most *= time.Duration(len(awaited) - i)
					}
					if late := fetched[n].Sub(b.Time); late < 0 || late > most {
						t.Errorf("block %d was fetched %s after it came to exist, want at most %s", n, late, most)
					}
				}
				stop()
			})
		})
	}
}

// TestListedBlocksThatDoNotExistCostLittle: only the lowest is asked for each second. One
// that never exists does not hide those above it.
func TestListedBlocksThatDoNotExistCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		numbers := make([]uint64, 1000)
		for i := range numbers {
			numbers[i] = uint64(i + 1)
		}
		r := listed(t, 0, numbers...)
		stop := r.start(t)
		time.Sleep(lookForAll + 500*time.Millisecond)
		b := testBlock(900, 0)
		r.source.appear(b)
		time.Sleep(lookForAll)
		asked := 0
		for _, n := range r.source.resolved {
			asked += n
		}
		time.Sleep(time.Second)
		stop()
		if most := 3*len(numbers) + 120; asked > most {
			t.Errorf("asked for %d numbers in two minutes, want at most %d", asked, most)
		}
		if j := r.state(t, b); j.State != status.JobDone {
			t.Errorf("the block above those that do not exist is %s", j.State)
		}
	})
}

// TestSourceThatCannotResolveWorksAgain: the pause is seen while it lasts, and not longer.
func TestSourceThatCannotResolveWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listed(t, 0, 5, 6)
		b := testBlock(5, 0)
		r.source.appear(b)
		r.source.resolve = errors.New("connection refused")
		stop := r.start(t)
		time.Sleep(20 * time.Second)
		if paused := r.Snapshot().Stages[0].Paused; paused == "" {
			t.Error("the source is not said to be paused")
		}
		r.source.mu.Lock()
		r.source.resolve = nil
		r.source.mu.Unlock()
		time.Sleep(time.Minute)
		if paused := r.Snapshot().Stages[0].Paused; paused != "" {
			t.Errorf("the source is still said to be paused: %s", paused)
		}
		stop()
		if j := r.state(t, b); j.State != status.JobDone {
			t.Errorf("the block is %s", j.State)
		}
	})
}

// TestReplacedSelectionIsNotPaused: what an earlier selection could not ask for is no
// concern of the next one.
func TestReplacedSelectionIsNotPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := listed(t, 0, 5)
		r.source.resolve = errors.New("connection refused")
		stop := r.start(t)
		time.Sleep(20 * time.Second)
		if paused := r.Snapshot().Stages[0].Paused; paused == "" {
			t.Error("the source is not said to be paused")
		}
		next := r.Settings()
		next.Selection.Targets.Every, next.Selection.Blocks = 1, nil
		if err := r.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if paused := r.Snapshot().Stages[0].Paused; paused != "" {
			t.Errorf("the source is still said to be paused: %s", paused)
		}
		stop()
	})
}
