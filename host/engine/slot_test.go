package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestNextProofBeginsWhileTheLastIsVerified checks that a stage with one slot gives its
// plugin the next block as soon as it has the proof of the last. At most one proof is
// verified beside it, and a failed attempt keeps the slot to its end.
func TestNextProofBeginsWhileTheLastIsVerified(t *testing.T) {
	for _, c := range []struct {
		name   string
		verify time.Duration
		begun  []time.Duration
	}{
		{"verified in time", 20 * time.Second, []time.Duration{0, 30 * time.Second, 60 * time.Second}},
		{"verified slowly", 70 * time.Second, []time.Duration{0, 30 * time.Second, 100 * time.Second}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Verify, c.Stages[3].Concurrency = true, 1 })
				blocks := []contract.Block{testBlock(1, 0), testBlock(2, 0), testBlock(3, 0)}
				r.source.polls = []contract.PollResponse{poll("c", 3, blocks...)}
				start := time.Now()
				var begun []time.Duration
				r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
					begun = append(begun, time.Since(start))
					return after30s(ctx, task, sink)
				}
				r.proof.verify = func(contract.Task, func(contract.WorkEvent) error) error {
					time.Sleep(c.verify)
					return nil
				}
				stop := r.start(t)
				time.Sleep(35 * time.Second)
				synctest.Wait()
				running := r.Snapshot().Stages[3].Running
				phases := []string{}
				for _, a := range running {
					phases = append(phases, a.Phase)
				}
				if slices.Sort(phases); !slices.Equal(phases, []string{contract.PhaseAccepted, phaseVerifying}) {
					t.Errorf("35 s after the start the stage is at %v", phases)
				}
				time.Sleep(5 * time.Minute)
				stop()
				if !slices.Equal(begun, c.begun) {
					t.Errorf("proofs began at %v, want %v", begun, c.begun)
				}
				for _, b := range blocks {
					if j := r.state(t, b); j.State != status.JobDone {
						t.Errorf("block %d is %s", b.Number, j.State)
					}
				}
			})
		})
	}
}

// TestProofThatDoesNotVerifyTakesTheSlotAgain checks that a block whose proof does not
// verify waits for the next block, which has the slot.
func TestProofThatDoesNotVerifyTakesTheSlotAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Verify, c.Stages[3].Concurrency = true, 1 })
		a, b := testBlock(1, 0), testBlock(2, 0)
		r.source.polls = []contract.PollResponse{poll("c", 2, a, b)}
		r.proof.do = after30s
		first := ""
		r.proof.verify = func(task contract.Task, _ func(contract.WorkEvent) error) error {
			time.Sleep(5 * time.Second)
			if first == "" {
				first = task.Job
				return contract.Retryable(errors.New("one bit is wrong"))
			}
			return nil
		}
		stop := r.start(t)
		time.Sleep(10 * time.Minute)
		stop()
		starts := r.proof.starts()
		if len(starts) != 3 || starts[0] != first || starts[1] == first || starts[2] != first {
			t.Errorf("proofs of %v, the first of which did not verify", starts)
		}
		for _, block := range []contract.Block{a, b} {
			if j := r.state(t, block); j.State != status.JobDone {
				t.Errorf("block %d is %s", block.Number, j.State)
			}
		}
	})
}

// TestNextProofBeginsWhileTheLastIsCollected checks that a plugin gets the next block when
// it reports that its tool has ended, before it has collected the result.
func TestNextProofBeginsWhileTheLastIsCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Concurrency = 1 })
		blocks := []contract.Block{testBlock(1, 0), testBlock(2, 0), testBlock(3, 0)}
		r.source.polls = []contract.PollResponse{poll("c", 3, blocks...)}
		start := time.Now()
		var begun []time.Duration
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			begun = append(begun, time.Since(start))
			result, err := after30s(ctx, task, sink)
			if err == nil {
				err = sink(contract.WorkEvent{Progress: &contract.Progress{Phase: contract.PhaseCollecting}})
			}
			time.Sleep(10 * time.Second)
			return result, err
		}
		stop := r.start(t)
		time.Sleep(5 * time.Minute)
		stop()
		if want := []time.Duration{0, 30 * time.Second, 60 * time.Second}; !slices.Equal(begun, want) {
			t.Errorf("proofs began at %v, want %v", begun, want)
		}
		for _, b := range blocks {
			if j := r.state(t, b); j.State != status.JobDone {
				t.Errorf("block %d is %s", b.Number, j.State)
			}
		}
	})
}

// TestNothingIsRecordedBeforeItIsDurable checks that files are synced during the
// verification, that the record waits for the sync, and that a failed sync fails the
// attempt.
func TestNothingIsRecordedBeforeItIsDurable(t *testing.T) {
	for _, refused := range []error{nil, errors.New("the disk refuses")} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Verify = true })
			block := testBlock(1, 0)
			r.source.polls = []contract.PollResponse{poll("c", 1, block)}
			var verified time.Time
			r.proof.verify = func(contract.Task, func(contract.WorkEvent) error) error {
				verified = time.Now()
				return nil
			}
			durable := map[string]time.Time{}
			r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
				r.files.durable = func() error { time.Sleep(20 * time.Second); durable[task.Job] = time.Now(); return refused }
				return proving(ctx, task, sink)
			}
			stop := r.start(t)
			time.Sleep(10 * time.Minute)
			stop()
			j := r.state(t, block)
			ended := j.Stages["prove"].Ended
			if verified.IsZero() || !verified.Before(durable[j.ID]) {
				t.Errorf("verified at %v, durable at %v", verified, durable)
			}
			if refused == nil && (j.State != status.JobDone || ended.Before(durable[j.ID])) {
				t.Errorf("recorded as %s at %v, durable at %v", j.State, ended, durable)
			}
			if refused != nil && j.State == status.JobDone {
				t.Errorf("it is %s", j.State)
			}
		})
	}
}
