package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// branches makes a graph of the rig's stages: source → {input, check}, and two proof
// stages behind both, the second with a worker of its own.
func branches(second *worker, change func(prove, next *StageConfig)) func(*Config) {
	return func(c *Config) {
		c.Stages[2].Needs = []string{"source"}
		c.Stages[3].Needs = []string{"input", "check"}
		next := c.Stages[3]
		next.Name, next.Worker, next.Fingerprint = "next", second, "n"
		c.Stages = append(c.Stages, next)
		wants := c.Reporters[0].Wants
		c.Reporters = []Reporter{{Name: "one", Wants: wants, Proofs: []string{"prove"}}, {Name: "two", Wants: wants, Proofs: []string{"next"}}}
		if change != nil {
			change(&c.Stages[3], &c.Stages[4])
		}
	}
}

func (m *memory) told(reporter string) (kinds []contract.EventKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if e.Reporter == reporter {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func after30s(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
	if err := sink(contract.WorkEvent{Progress: &contract.Progress{Phase: contract.PhaseAccepted}}); err != nil {
		return contract.Result{}, err
	}
	select {
	case <-time.After(30 * time.Second):
	case <-ctx.Done():
		return contract.Result{}, ctx.Err()
	}
	return proving(ctx, task, sink)
}

// start runs the engine until the returned function is called.
func (r *rig) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, t.Context()) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestStagesOfAGraphRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), branches(&worker{do: proving}, nil))
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		slow := func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(10 * time.Second)
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		r.builder.do, r.gate.do, r.proof.do = slow, slow, proving
		begin := time.Now()
		r.cfg.Limit = 0
		stop := r.start(t)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if j := r.state(t, b); j.State != status.JobDone || j.Finished.Sub(begin) != 10*time.Second {
			t.Errorf("job %s after %s, want done after 10 s: gate and builder need only the source", j.State, j.Finished.Sub(begin))
		}
		stop()
	})
}

func TestFailedBranchStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &worker{do: func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{}, contract.Permanent(errBroken)
		}}
		r := newRig(t, newMemory(t), branches(second, nil))
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = after30s
		r.run(t, time.Minute)
		j := r.state(t, b)
		if j.State != status.JobFailed || j.Stages["prove"].State != record.StageDone || j.Stages["next"].State != record.StageFailed {
			t.Errorf("job %s, prove %s, next %s", j.State, j.Stages["prove"].State, j.Stages["next"].State)
		}
		if got, want := r.store.told("one"), []contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved}; !slices.Equal(got, want) {
			t.Errorf("the first cluster hears %v, want %v", got, want)
		}
		if got, want := r.store.told("two"), []contract.EventKind{contract.EventFailed}; !slices.Equal(got, want) {
			t.Errorf("the second cluster hears %v, want %v", got, want)
		}
		if j.Finished.Sub(j.Created) < 30*time.Second {
			t.Error("the job came to its end while a branch was at work")
		}
	})
}

// TestBranchThatHangsDelaysNoOther checks that the stages before two branches go on for
// one branch while the other makes no progress.
func TestBranchThatHangsDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &worker{do: func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			<-ctx.Done()
			return contract.Result{}, ctx.Err()
		}}
		r := newRig(t, newMemory(t), branches(second, nil))
		r.cfg.Limit = 0
		const count = 30
		blocks := make([]contract.Block, 0, count)
		for n := range uint64(count) {
			blocks = append(blocks, testBlock(n+1, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", count, blocks...)}
		r.proof.do = proving
		stop := r.start(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, b := range blocks {
			if j := r.state(t, b); j.Stages["prove"].State != record.StageDone {
				t.Errorf("block %d is %s in the branch that works", b.Number, j.Stages["prove"].State)
			}
		}
		stop()
	})
}

// TestHangingBranchIsBounded checks that a branch does not fall behind by more than
// maxAhead blocks, whose files take space on the disk.
func TestHangingBranchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &worker{do: func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			<-ctx.Done()
			return contract.Result{}, ctx.Err()
		}}
		r := newRig(t, newMemory(t), branches(second, nil))
		r.cfg.Limit = 0
		blocks := make([]contract.Block, 0, 2*maxAhead)
		for n := range uint64(2 * maxAhead) {
			blocks = append(blocks, testBlock(n+1, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", 2*maxAhead, blocks...)}
		r.proof.do = proving
		stop := r.start(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		proved := 0
		for _, b := range blocks {
			if r.state(t, b).Stages["prove"].State == record.StageDone {
				proved++
			}
		}
		if proved < maxAhead || proved > maxAhead+4 {
			t.Errorf("%d blocks are proved in one branch and none in the other, want about %d", proved, maxAhead)
		}
		stop()
	})
}

func TestShadowIsRecordedAndNeverReported(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error)
		state record.StageState
	}{
		"that proves": {proving, record.StageDone},
		"that fails": {func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{}, contract.Permanent(errBroken)
		}, record.StageFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newMemory(t), func(c2 *Config) {
					branches(&worker{do: c.do}, func(_, next *StageConfig) { next.Shadow = true })(c2)
					c2.Reporters[1].Proofs = nil
				})
				b := testBlock(1, 0)
				r.source.polls = []contract.PollResponse{poll("c", 1, b)}
				r.proof.do = proving
				r.run(t, time.Minute)
				j := r.state(t, b)
				if j.State != status.JobDone || j.Stages["next"].State != c.state {
					t.Errorf("job %s, shadow %s, want done and %s", j.State, j.Stages["next"].State, c.state)
				}
				if got := r.store.told("two"); !slices.Equal(got, []contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved}) {
					t.Errorf("a reporter of every proof hears %v: of the shadow, too?", got)
				}
			})
		})
	}
}

// TestStoredRetryOfABranch checks that a stored request for a retry repeats only the
// branch that it names.
func TestStoredRetryOfABranch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuses := &worker{do: func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{}, contract.Permanent(errBroken)
		}}
		b := testBlock(1, 0)
		first := newRig(t, newMemory(t), branches(refuses, nil))
		first.source.polls = []contract.PollResponse{poll("c", 1, b)}
		first.proof.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{}, contract.Permanent(errBroken)
		}
		first.run(t, time.Minute)

		first.store.requests = []record.Request{{ID: 1, Verb: record.VerbRetry, Job: b.JobID(), Stage: "next"}}
		mended := &worker{do: proving}
		again := newRig(t, first.store, branches(mended, nil))
		again.proof.do = proving
		again.run(t, time.Minute)
		if one, two := len(again.proof.starts()), len(mended.starts()); one != 0 || two != 1 {
			t.Errorf("the branches were proved %d and %d times, want 0 and 1", one, two)
		}
		if got := again.state(t, b).Stages["next"].State; got != record.StageDone {
			t.Errorf("the named branch is %s", got)
		}
	})
}

// TestRetryBesideAShadowCounts checks that a failed block which is tried again while its
// shadow still works counts for a limited run when it is done.
func TestRetryBesideAShadowCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := testBlock(1, 0)
		slow := func() *worker {
			return &worker{do: func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
				select {
				case <-time.After(time.Hour):
				case <-ctx.Done():
				}
				return contract.Result{}, ctx.Err()
			}}
		}
		shadow := func(_, next *StageConfig) { next.Shadow = true }
		first := newRig(t, newMemory(t), branches(slow(), shadow))
		first.source.polls = []contract.PollResponse{poll("c", 1, b)}
		first.proof.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{}, contract.Permanent(errBroken)
		}
		first.run(t, time.Minute)

		again := newRig(t, first.store, func(c *Config) { branches(slow(), shadow)(c); c.Limit = 1 })
		again.proof.do = proving
		stop := again.start(t)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if err := again.Retry(t.Context(), RetryRequest{Job: b.JobID()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(again.Finished()); n != 1 {
			t.Errorf("%d blocks count for the limit, want 1; the block is %s", n, again.state(t, b).State)
		}
		stop()
	})
}

func TestShadowWaitsForTheMainPathAndDelaysNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		hangs := &worker{do: func(ctx context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if rec, err := store.Job(task.Job); err != nil || rec.Stages["prove"].State == record.StageWaiting {
				t.Errorf("the shadow began %s before the main path had claimed it: %v", task.Job, err)
			}
			<-ctx.Done()
			return contract.Result{}, ctx.Err()
		}}
		r := newRig(t, store, func(c *Config) {
			branches(hangs, func(_, next *StageConfig) { next.Shadow = true })(c)
			c.Selection.DropAfter = time.Hour
		})
		var blocks []contract.Block
		for n := range uint64(20) {
			blocks = append(blocks, testBlock(n+1, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", 20, blocks...)}
		r.proof.do = proving
		stop := r.start(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, b := range blocks {
			if j := r.state(t, b); j.State != status.JobDone {
				t.Errorf("block %d is %s behind a shadow that hangs", b.Number, j.State)
			}
		}
		if n := len(hangs.starts()); n != 1 {
			t.Errorf("the shadow began %d blocks, want the one that it hangs at", n)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		skipped := 0
		for _, b := range blocks {
			if r.state(t, b).Stages["next"].State == record.StageSkipped {
				skipped++
			}
		}
		if skipped != 19 {
			t.Errorf("%d blocks were left out by the shadow after drop_after, want 19", skipped)
		}
		stop()
	})
}

func TestSampledShadowTakesOneOfSoMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &worker{do: proving}
		r := newRig(t, newMemory(t), func(c *Config) {
			branches(second, func(_, next *StageConfig) { next.Shadow, next.Sample = true, 5 })(c)
			c.Selection.Targets.Every = 10
		})
		var blocks []contract.Block
		for n := uint64(10); n <= 200; n += 10 {
			blocks = append(blocks, testBlock(n, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", 200, blocks...)}
		r.proof.do = proving
		r.run(t, time.Minute)
		if n := len(second.starts()); n != 4 {
			t.Errorf("the shadow took %d of 20 targets, want every fifth", n)
		}
	})
}

// confirming makes the proof begin beside its gate.
func confirming(c *Config) {
	c.Stages[2].Needs = []string{"source"}
	c.Stages[3].Needs, c.Stages[3].Confirm = []string{"input"}, []string{"check"}
}

// TestGateThatOnlyConfirmsWaitsForTheInput checks when a gate begins that needs no input of
// its own: with the first proof that it confirms, whatever the input of another proof takes,
// at once where another stage needs it, and also where there will be no input.
func TestGateThatOnlyConfirmsWaitsForTheInput(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		fails  bool // the first builder
		want   time.Duration
	}{
		"one proof": {confirming, false, 10 * time.Second},
		"no input":  {confirming, true, 10 * time.Second},
		"two proofs": {func(c *Config) {
			confirming(c)
			late, second := c.Stages[1], c.Stages[3]
			late.Name, late.Worker = "late", &worker{do: func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
				time.Sleep(time.Hour)
				return contract.Result{}, nil
			}}
			second.Name, second.Worker, second.Needs = "second", &worker{do: proving}, []string{"late"}
			c.Stages = append(c.Stages, late, second)
		}, false, 10 * time.Second},
		"needed, too": {func(c *Config) {
			confirming(c)
			c.Stages = append(c.Stages, StageConfig{Name: "after", Kind: contract.KindProver, Worker: &worker{}, Needs: []string{"check"}})
		}, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newMemory(t), c.change)
				r.source.polls = []contract.PollResponse{poll("c", 1, testBlock(1, 0))}
				r.proof.do = proving
				r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
					time.Sleep(10 * time.Second)
					if c.fails {
						return contract.Result{}, contract.Permanent(errBroken)
					}
					return contract.Result{}, nil
				}
				began, at := time.Now(), time.Duration(-1)
				r.gate.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
					at = time.Since(began)
					return contract.Result{}, nil
				}
				r.run(t, time.Minute)
				if at != c.want {
					t.Errorf("the gate began after %v, want %v", at, c.want)
				}
			})
		})
	}
}

func TestNothingIsAnnouncedBeforeTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), confirming)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = proving
		r.gate.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(20 * time.Second)
			return contract.Result{}, nil
		}
		stop := r.start(t)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if j := r.state(t, b); j.Stages["prove"].State != record.StageDone || j.State == status.JobDone || len(r.store.kinds(j.ID)) != 0 {
			t.Errorf("before the verdict: prove %s, job %s, announced %v", j.Stages["prove"].State, j.State, r.store.kinds(j.ID))
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := r.store.kinds(b.JobID()); len(got) == 0 || got[len(got)-1] != contract.EventProved {
			t.Errorf("after the verdict: %v", got)
		}
		stop()
	})
}

func TestRefusingGateCancelsTheProof(t *testing.T) {
	for name, gateTakes := range map[string]time.Duration{"while it runs": 10 * time.Second, "after it is made": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newMemory(t), confirming)
				b := testBlock(1, 0)
				r.source.polls = []contract.PollResponse{poll("c", 1, b)}
				var cut error
				r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
					result, err := after30s(ctx, task, sink)
					cut = context.Cause(ctx)
					return result, err
				}
				r.gate.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
					time.Sleep(gateTakes)
					return contract.Result{}, contract.Permanent(errors.New("state root differs"))
				}
				r.run(t, 5*time.Minute)
				j := r.state(t, b)
				if j.State != status.JobFailed || j.Reason != "state root differs" {
					t.Errorf("job %s: %q", j.State, j.Reason)
				}
				if got := r.store.kinds(j.ID); !slices.Equal(got, []contract.EventKind{contract.EventFailed}) {
					t.Errorf("announced %v, want failed alone", got)
				}
				if gateTakes < 30*time.Second && !errors.Is(cut, errRefused) {
					t.Errorf("the attempt was cut off by %v", cut)
				}
				if out := r.files.published["1"]; slices.Contains(out, "proof.bin") {
					t.Errorf("published %v of a block that its gate has refused", out)
				}
				if j.Open() {
					t.Error("the job is held open by files that will never be published")
				}
				if gateTakes < 30*time.Second {
					return
				}
				// The gate was wrong: the proof that was made before counts.
				again := newRig(t, r.store, confirming)
				again.gate.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
					return contract.Result{}, nil
				}
				stop := again.start(t)
				if err := again.Retry(t.Context(), RetryRequest{Job: j.ID}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				stop()
				if j := again.state(t, b); j.State != status.JobDone || len(again.proof.starts()) != 0 {
					t.Errorf("after the retry the job is %s and was proved %d times more", j.State, len(again.proof.starts()))
				}
				if got := r.store.kinds(j.ID); !slices.Contains(got, contract.EventProved) {
					t.Errorf("after the retry: announced %v", got)
				}
				if out := again.files.published["1"]; !slices.Contains(out, "proof.bin") {
					t.Errorf("after the retry: published %v", out)
				}
			})
		})
	}
}

func TestReorgCancelsBothProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &worker{do: after30s}
		r := newRig(t, newMemory(t), branches(second, nil))
		old, taken := testBlock(5, 0), testBlock(5, 1)
		gone := poll("2", 5, taken)
		gone.Orphaned = []contract.Hash{old.Hash}
		var mu sync.Mutex
		var cut []error
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			result, err := after30s(ctx, task, sink)
			if task.Block.Hash == old.Hash {
				mu.Lock()
				cut = append(cut, context.Cause(ctx))
				mu.Unlock()
			}
			return result, err
		}
		second.do = r.proof.do
		r.source.polls = []contract.PollResponse{poll("1", 5, old)}
		stop := r.start(t)
		time.Sleep(12 * time.Second)
		r.source.mu.Lock()
		r.source.polls = []contract.PollResponse{gone}
		r.source.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(cut) != 2 || !errors.Is(cut[0], errOrphaned) || !errors.Is(cut[1], errOrphaned) {
			t.Errorf("the attempts were cut off by %v, want twice by the reorg", cut)
		}
		if j := r.state(t, old); j.State != status.JobCancelled || !j.Orphaned {
			t.Errorf("the orphan is %s", j.State)
		}
		if j := r.state(t, taken); j.State != status.JobDone {
			t.Errorf("the block in its place is %s", j.State)
		}
		stop()
	})
}

// TestChangedPipelines checks which stages run again after a change of the file. That
// follows from the dependencies of their results.
func TestChangedPipelines(t *testing.T) {
	ran := func(r *rig) (names []string) {
		for _, s := range r.cfg.Stages {
			if len(s.Worker.(*worker).starts()) > 0 {
				names = append(names, s.Name)
			}
		}
		return names
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string // the stages that work again
		input  byte   // of the new builder's output
	}{
		{"nothing", func(*Config) {}, "prove", 0},
		{"another builder, another input", func(c *Config) { c.Stages[1].Fingerprint = "b2" }, "input check prove", 1},
		{"another builder, the same input", func(c *Config) { c.Stages[1].Fingerprint = "b2" }, "input prove", 0},
		{"a builder renamed, another input", func(c *Config) {
			c.Stages[1].Name, c.Stages[2].Needs = "maker", []string{"maker"}
		}, "maker check prove", 1},
		{"another source", func(c *Config) { c.Stages[0].Fingerprint = "s2" }, "source prove", 0},
		{"another gate", func(c *Config) { c.Stages[2].Fingerprint = "c2" }, "check prove", 0},
		{"a gate added", func(c *Config) {
			gate := c.Stages[2]
			gate.Name, gate.Worker = "second", &worker{}
			c.Stages[3].Needs = []string{"check", "second"}
			c.Stages = slices.Insert(c.Stages, 3, gate)
		}, "second prove", 0},
		{"the gate removed", func(c *Config) {
			c.Stages = slices.Delete(c.Stages, 2, 3)
			c.Stages[2].Needs = []string{"input"}
		}, "prove", 0},
		{"the proof removed", func(c *Config) { c.Stages = c.Stages[:3] }, "", 0},
		{"the gate moved beside the builder", func(c *Config) {
			c.Stages[2].Needs, c.Stages[3].Needs = []string{"source"}, []string{"input", "check"}
		}, "check prove", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newMemory(t)
				b := testBlock(1, 0)
				makes := func(names string, first byte) func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
					return func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
						return contract.Result{Outputs: []contract.Artifact{{Name: names, SHA256: [32]byte{first}}}}, nil
					}
				}
				build := func(input byte, change func(*Config)) *rig {
					r := newRig(t, store, change)
					r.source.do, r.builder.do, r.gate.do = makes("witness.json", 0), makes("input.bin", input), makes("execution.json", 0)
					for _, s := range r.cfg.Stages {
						if w := s.Worker.(*worker); w.do == nil && s.Name == "second" {
							w.do = makes("second.json", 0)
						}
					}
					return r
				}
				r := build(0, nil)
				r.source.polls = []contract.PollResponse{poll("c", 1, b)}
				r.proof.do = func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
					<-ctx.Done()
					return contract.Result{}, ctx.Err()
				}
				r.run(t, time.Minute)
				again := build(c.input, c.change)
				again.proof.do = proving
				again.run(t, time.Minute)
				if j := again.state(t, b); j.State != status.JobDone {
					t.Fatalf("job %s: %s", j.State, j.Reason)
				}
				if got := strings.Join(ran(again), " "); got != c.want {
					t.Errorf("worked again: %q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestSwappedRolesLoseAndRepeatNothing checks that no work is lost or repeated when the
// shadow becomes the main prover between two runs.
func TestSwappedRolesLoseAndRepeatNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		var blocks []contract.Block
		for n := range uint64(10) {
			blocks = append(blocks, testBlock(n+1, 0))
		}
		var mu sync.Mutex
		proved := map[string]int{} // by prover and job
		build := func(shadow string) *rig {
			second := &worker{}
			r := newRig(t, store, branches(second, func(prove, next *StageConfig) {
				prove.Shadow, next.Shadow = shadow == "prove", shadow == "next"
			}))
			r.cfg.Reporters = []Reporter{{Name: "one", Wants: r.cfg.Reporters[0].Wants}}
			slowly := func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
				result, err := after30s(ctx, task, sink)
				if err == nil {
					mu.Lock()
					proved[task.Stage+" "+task.Job]++
					mu.Unlock()
				}
				return result, err
			}
			r.proof.do, second.do = slowly, slowly
			return r
		}
		first := build("next")
		first.source.polls = []contract.PollResponse{poll("c", 10, blocks...)}
		first.run(t, 100*time.Second)
		build("prove").run(t, 20*time.Minute)
		for _, b := range blocks {
			j := first.state(t, b)
			if j.State != status.JobDone {
				t.Errorf("block %d is %s: %s", b.Number, j.State, j.Reason)
			}
			if got := store.kinds(j.ID); !slices.Contains(got, contract.EventProved) {
				t.Errorf("block %d: %v", b.Number, got)
			}
		}
		for key, n := range proved {
			if n != 1 {
				t.Errorf("%s was proved %d times", key, n)
			}
		}
	})
}

// TestShadowFollowsTheMainPath checks that a fast shadow begins no block that a slow main
// prover has not begun.
func TestShadowFollowsTheMainPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		fast := &worker{do: func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if j, err := store.Job(task.Job); err != nil || j.Stages["prove"].State == record.StageWaiting {
				t.Errorf("the shadow began %s before the main path (%v)", task.Job, err)
			}
			return proving(ctx, task, sink)
		}}
		r := newRig(t, store, branches(fast, func(_, next *StageConfig) { next.Shadow = true }))
		r.proof.do = after30s
		r.source.polls = []contract.PollResponse{poll("c", 3, testBlock(1, 0), testBlock(2, 0), testBlock(3, 0))}
		r.run(t, 5*time.Minute)
		if n := len(fast.starts()); n != 3 {
			t.Errorf("the shadow took %d blocks, want 3", n)
		}
	})
}
