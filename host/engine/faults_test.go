package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestReorgRightBehindAClaim checks that an attempt of an orphan is cancelled when the
// reorg comes between the record of the claim and the start of the attempt.
func TestReorgRightBehindAClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		r := newRig(t, store, nil)
		b := testBlock(5, 0)
		work, cancel := context.WithCancel(t.Context())
		defer cancel()
		take(t, r.Engine, b)
		run, _, err := r.claim(work, r.stages[0])
		if err != nil || run == nil {
			t.Fatal(run, err)
		}
		orphan(t, r.Engine, b)
		began := false
		r.source.do = func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			began = true
			<-ctx.Done()
			return contract.Result{}, ctx.Err()
		}
		done := make(chan struct{})
		run.releaseSlot = func() {}
		go func() { r.Engine.attempt(work, run); close(done) }()
		time.Sleep(time.Second)
		select {
		case <-done:
		default:
			t.Errorf("the orphan is still at work (begun: %t)", began)
			cancel()
			<-done
		}
		if err := r.saveResume(context.Background(), run, "", []byte("token")); err == nil {
			t.Error("a resume token of a block that is no longer owned was taken")
		}
		if err := r.progress(context.Background(), &attempt{stage: r.stages[3], job: run.job}, contract.Progress{Phase: "PROVING"}); err == nil {
			t.Error("progress of a block that is no longer owned was taken")
		}
	})
}

func take(t *testing.T, e *Engine, blocks ...contract.Block) {
	t.Helper()
	tr, err := e.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.write.release()
	for _, b := range blocks {
		if err := e.intake(tr, b, record.Selected); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.commitOnce(); err != nil {
		t.Fatal(err)
	}
}

func orphan(t *testing.T, e *Engine, b contract.Block) {
	t.Helper()
	tr, err := e.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.write.release()
	e.orphan(tr, []contract.Hash{b.Hash})
	if err := tr.commitOnce(); err != nil {
		t.Fatal(err)
	}
}

// TestFullOutputKeepsTheProof checks that a proof that cannot be published is reported all
// the same, made only once, and published later.
func TestFullOutputKeepsTheProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = proving
		r.files.refuse = errors.New("no space left on device")
		stop := r.start(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(r.proof.starts()); n != 1 {
			t.Errorf("the proof was made %d times", n)
		}
		if got := r.store.kinds(b.JobID()); !slices.Contains(got, contract.EventProved) {
			t.Errorf("told %v", got)
		}
		if s := r.Snapshot(); s.Unpublished == "" || s.Stages[3].Paused != "" {
			t.Errorf("unpublished %q, stage paused %q: want a warning and no pause", s.Unpublished, s.Stages[3].Paused)
		}
		r.files.mu.Lock()
		r.files.refuse = nil
		r.files.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := r.files.published["1"]; !slices.Contains(got, "proof.bin") || r.Snapshot().Unpublished != "" {
			t.Errorf("published %v after the disk was mended, %q", got, r.Snapshot().Unpublished)
		}
		stop()
		if r.state(t, b).Open() {
			t.Error("the job is still open")
		}
	})
}

// TestOrphanAtWorkLeavesNothingInTheFolder checks that the published files of an orphan's
// gate are moved aside after the orphan is recorded.
func TestOrphanAtWorkLeavesNothingInTheFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(7, 0)
		gone := poll("2", 7, testBlock(7, 1))
		gone.Orphaned = []contract.Hash{b.Hash}
		r.source.polls = []contract.PollResponse{poll("1", 7, b)}
		r.proof.do = after30s
		r.files.asked = func() {
			if j := r.state(t, b); !j.Orphaned {
				t.Error("files are moved before the reorg is on record")
			}
		}
		stop := r.start(t)
		time.Sleep(12 * time.Second)
		r.source.mu.Lock()
		r.source.polls = []contract.PollResponse{gone}
		r.source.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		aside := "7-" + b.Hash.Short()
		if !slices.Contains(r.files.aside, aside) || !slices.Equal(r.files.published[aside], []string{"execution.json"}) {
			t.Errorf("set aside %v, published %v", r.files.aside, r.files.published)
		}
		if got := r.files.published["7"]; !slices.Equal(got, []string{"execution.json", "proof.bin"}) {
			t.Errorf("published of the block in its place: %v", got)
		}
	})
}

// TestOrphansOfFinishedBlocksAreMovedAside checks the same for a block that was done.
func TestOrphansOfFinishedBlocksAreMovedAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(7, 0)
		gone := poll("2", 7)
		gone.Orphaned = []contract.Hash{b.Hash}
		r.source.polls = []contract.PollResponse{poll("1", 7, b)}
		r.proof.do = proving
		stop := r.start(t)
		time.Sleep(12 * time.Second)
		r.source.mu.Lock()
		r.source.polls = []contract.PollResponse{gone}
		r.source.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		j := r.state(t, b)
		if j.State != status.JobDone || !j.Orphaned || len(r.files.published["7"]) > 0 || len(r.files.aside) != 1 {
			t.Errorf("job %s, orphaned %t, aside %v", j.State, j.Orphaned, r.files.aside)
		}
		if c := r.Snapshot().Counts; c.Done != 1 || c.Failed+c.Cancelled != 0 {
			t.Errorf("counts %+v: a block counts once", c)
		}
	})
}

// TestInnocentBlocksBesideAPoisonBlock checks that after the death of a plugin with three
// blocks each of them runs alone, and only the one at fault fails.
func TestInnocentBlocksBesideAPoisonBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[2].Concurrency, c.Stages[2].Backoff = 3, 10*time.Second })
		poison := uint64(2)
		r.source.polls = []contract.PollResponse{poll("c", 3, testBlock(1, 0), testBlock(2, 0), testBlock(3, 0)), poll("c", 4, testBlock(4, 0))}
		r.source.polls = append(r.source.polls, poll("c", 5, testBlock(5, 0)), poll("c", 6, testBlock(6, 0)))
		alone := map[uint64]int{} // attempts of suspects
		death := make(chan struct{})
		r.gate.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			r.gate.mu.Lock()
			mine := death
			r.gate.mu.Unlock()
			r.Engine.mu.Lock()
			if run := r.stages[2].running[task.Job]; run != nil && run.job.rec.Stages["check"].Suspect {
				if alone[task.Block.Number]++; len(r.stages[2].running) > 1 {
					t.Errorf("suspect %d is tried in company", task.Block.Number)
				}
			}
			r.Engine.mu.Unlock()
			if task.Block.Number == poison {
				time.Sleep(5 * time.Second)
				r.gate.mu.Lock()
				close(death)
				death = make(chan struct{})
				r.gate.mu.Unlock()
				if task.Attempt == 1 { // a block that is at work when the suspects may be tried again
					r.source.mu.Lock()
					r.source.polls = append(r.source.polls, poll("c", 7, testBlock(7, 0)))
					r.source.mu.Unlock()
				}
				return contract.Result{}, contract.Interrupted(errors.New("signal 11"))
			}
			select {
			case <-mine:
				return contract.Result{}, contract.Interrupted(errors.New("signal 11"))
			case <-time.After(20 * time.Second):
				return contract.Result{}, nil
			}
		}
		r.proof.do = proving
		r.run(t, 20*time.Minute)
		if len(alone) < 2 {
			t.Errorf("tried alone: %v", alone)
		}
		for n := uint64(1); n <= 7; n++ {
			want := status.JobDone
			if n == poison {
				want = status.JobFailed
			}
			if j := r.state(t, testBlock(n, 0)); j.State != want {
				t.Errorf("block %d is %s (%s), want %s", n, j.State, j.Reason, want)
			}
		}
	})
}

// TestBackfillIsBounded checks that a source far behind its head is not polled while
// maxBacklog blocks wait.
func TestBackfillIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.Order = selection.OldestFirst })
		for from := uint64(0); from < 20_000; from += pollMax {
			answer := poll(fmt.Sprint(from), 1_000_000)
			for n := from; n < from+pollMax; n++ {
				answer.Blocks = append(answer.Blocks, testBlock(n, 0))
			}
			r.source.polls = append(r.source.polls, answer)
		}
		r.proof.do = func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			<-ctx.Done()
			return contract.Result{}, ctx.Err()
		}
		r.run(t, time.Hour)
		if n := len(r.store.jobs); n > maxBacklog+2*pollMax {
			t.Errorf("%d blocks were taken in while the prover hangs, want about %d", n, maxBacklog)
		}
	})
}

func TestVanishingInputIsMadeAgainAFewTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.source.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{Outputs: []contract.Artifact{{Name: "witness.json"}}}, nil
		}
		r.files.vanish = func(stage string) error {
			if stage == "input" {
				return &artifact.LostError{Artifact: contract.Artifact{Name: "witness.json"}, Path: "gone"}
			}
			return nil
		}
		r.run(t, 10*time.Minute)
		if n := len(r.source.starts()); n > 5 || r.state(t, b).State != status.JobFailed {
			t.Errorf("fetched %d times, job %s", n, r.state(t, b).State)
		}
	})
}

func TestRetryAfterHasALimit(t *testing.T) {
	for _, wrap := range []func(error, time.Duration) error{
		contract.RetryAfter,
		func(err error, d time.Duration) error {
			return &contract.Error{Class: contract.ClassEnvironment, Err: err, After: d}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, newMemory(t), nil)
			b := testBlock(1, 0)
			r.source.polls = []contract.PollResponse{poll("c", 1, b)}
			r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
				if len(r.proof.starts()) == 1 {
					return contract.Result{}, wrap(errBroken, 8760*time.Hour)
				}
				return proving(ctx, task, sink)
			}
			r.run(t, 2*time.Hour)
			if j := r.state(t, b); j.State != status.JobDone {
				t.Errorf("job %s two hours after a plugin asked for a year", j.State)
			}
		})
	}
}

func TestSnapshotCostsTheSameWhateverWaits(t *testing.T) {
	r := newRig(t, newMemory(t), nil)
	var blocks []contract.Block
	for n := range uint64(10_000) {
		blocks = append(blocks, testBlock(n+1, byte(n>>16)))
	}
	take(t, r.Engine, blocks...)
	s := r.Snapshot()
	if len(s.Jobs) != shownJobs || len(s.Stages[0].Queue) != shownQueue || s.Stages[0].QueueLength != 10_000 || s.Counts.Active != 10_000 {
		t.Errorf("%d jobs and a queue of %d numbers are shown, of %d", len(s.Jobs), len(s.Stages[0].Queue), s.Stages[0].QueueLength)
	}
	if s.Jobs[0].Block.Number != 10_000 || s.Stages[0].Queue[1] != 9_999 {
		t.Errorf("first are %d and %d, want the most urgent", s.Jobs[0].Block.Number, s.Stages[0].Queue[1])
	}
}

// TestBadRequestHoldsUpNoOther checks that a request that can never be carried out is
// removed, logged, and does not delay the others.
func TestBadRequestHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		good, bad := testBlock(8, 0), testBlock(7, 0)
		store.requests = []record.Request{
			{ID: 1, Verb: record.VerbProve, Number: 7, Input: "/gone/0/out/input.bin"},
			{ID: 2, Verb: "dance"}, {ID: 3, Verb: record.VerbRetry, Job: "1-5-00000000"}, {ID: 4, Verb: record.VerbAdd, Number: 8},
		}
		r := newRig(t, store, nil)
		r.source.known = map[uint64]contract.Block{7: bad, 8: good}
		r.files.unimportable = contract.Permanent(errors.New("input.bin is gone"))
		r.proof.do = proving
		r.run(t, time.Minute)
		if j := r.state(t, good); j.State != status.JobDone {
			t.Errorf("the good request's block is %s", j.State)
		}
		if len(store.requests) != 0 {
			t.Errorf("requests left: %+v", store.requests)
		}
	})
}

// TestStopDoesNotWaitForACommand checks that a command fails at once on a full disk and
// does not delay the stop of the engine.
func TestStopDoesNotWaitForACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		r := newRig(t, store, nil)
		b := testBlock(3, 0)
		r.source.known = map[uint64]contract.Block{3: b}
		ctx, cancel := context.WithCancel(t.Context())
		hard, now := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx, hard) }()
		synctest.Wait()
		store.mu.Lock()
		store.fail = errors.New("no space left on device")
		store.mu.Unlock()
		begin := time.Now()
		if _, err := r.AddBlocks(t.Context(), []uint64{3}); err == nil || time.Since(begin) > time.Second {
			t.Errorf("the command ended after %s with %v, want an error at once", time.Since(begin), err)
		}
		cancel()
		time.Sleep(time.Second)
		now()
		begin = time.Now()
		if err := <-done; err == nil || time.Since(begin) > time.Second {
			t.Errorf("the engine ended %s after the second signal with %v", time.Since(begin), err)
		}
	})
}

func TestSeveralBlocksInARowOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.Order = selection.OldestFirst })
		var blocks []contract.Block
		for n := range uint64(20) {
			blocks = append(blocks, testBlock(n+1, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", 20, blocks...)}
		wrong := true
		r.builder.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if wrong {
				return contract.Result{}, contract.Permanent(fmt.Errorf("block %d is of chain 17000, want 1", task.Block.Number))
			}
			return contract.Result{}, nil
		}
		r.proof.do = proving
		stop := r.start(t)
		time.Sleep(time.Hour)
		synctest.Wait()
		failed := 0
		for _, b := range blocks {
			if r.state(t, b).State == status.JobFailed {
				failed++
			}
		}
		if failed != breaksUntested {
			t.Errorf("%d blocks were spent, want %d", failed, breaksUntested)
		}
		if p := r.Snapshot().Stages[1].Paused; !strings.Contains(p, "failed alike") || !strings.Contains(p, "retry --failed") {
			t.Errorf("the stage's pause says %q", p)
		}
		wrong = false
		for _, b := range blocks {
			if j := r.state(t, b); j.State == status.JobFailed {
				if err := r.Retry(t.Context(), RetryRequest{Job: j.ID}); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		stop()
		for _, b := range blocks {
			if j := r.state(t, b); j.State != status.JobDone {
				t.Errorf("block %d is %s after the cause was mended", b.Number, j.State)
			}
		}
	})
}

// TestRetryBeginsAtTheFailedStage checks that a retry uses the existing results, and that
// --from makes an earlier stage run again.
func TestRetryBeginsAtTheFailedStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		broken := true
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if broken {
				return contract.Result{}, contract.Permanent(errBroken)
			}
			return proving(ctx, task, sink)
		}
		stop := r.start(t)
		time.Sleep(time.Minute)
		broken = false
		if err := r.Retry(t.Context(), RetryRequest{Job: b.JobID()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if j := r.state(t, b); j.State != status.JobDone || len(r.source.starts()) != 1 || len(r.builder.starts()) != 1 || len(r.proof.starts()) != 2 {
			t.Errorf("job %s; fetched %d, built %d, proved %d times", j.State, len(r.source.starts()), len(r.builder.starts()), len(r.proof.starts()))
		}
		if err := r.Retry(t.Context(), RetryRequest{Job: b.JobID()}); err == nil {
			t.Error("a finished job was tried again without a word of what")
		}
		if err := r.Retry(t.Context(), RetryRequest{Job: b.JobID(), From: "input"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		stop()
		if j := r.state(t, b); j.State != status.JobDone || len(r.source.starts()) != 1 || len(r.builder.starts()) != 2 || len(r.proof.starts()) != 3 {
			t.Errorf("from the builder: job %s; fetched %d, built %d, proved %d times", j.State, len(r.source.starts()), len(r.builder.starts()), len(r.proof.starts()))
		}
	})
}

// TestReorgDeeperThanTheCursor checks that the repair finds orphans that no poll has
// reported, by comparing hashes.
func TestReorgDeeperThanTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		r := newRig(t, store, func(c *Config) { c.Selection.Targets.Every, c.Selection.Repair = 10, 128 })
		old, canonical := testBlock(100, 0), testBlock(100, 1)
		r.proof.do = proving
		r.source.known = map[uint64]contract.Block{100: old}
		stop := r.start(t)
		if _, err := r.AddBlocks(t.Context(), []uint64{100}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if j := r.state(t, old); j.State != status.JobDone {
			t.Fatal(j.State)
		}
		r.source.mu.Lock()
		r.source.known = map[uint64]contract.Block{100: canonical}
		r.source.polls = []contract.PollResponse{poll("c", 200)}
		r.source.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		stop()
		if j := r.state(t, old); !j.Orphaned {
			t.Errorf("the block under the old hash is %s and counts as canonical", j.State)
		}
		if j := r.state(t, canonical); j.State != status.JobDone {
			t.Errorf("the canonical block is %s", j.State)
		}
	})
}

// TestProofIsReportedAgain checks that Report puts a proof into the outbox once more after
// its events were settled.
func TestProofIsReportedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = proving
		stop := r.start(t)
		time.Sleep(time.Minute)
		if n, err := r.Report(t.Context(), b.JobID(), ""); n != 1 || err != nil {
			t.Errorf("%d events, %v", n, err)
		}
		if _, err := r.Report(t.Context(), b.JobID(), "nobody"); err == nil {
			t.Error("reported to a reporter that is not there")
		}
		stop()
		got := r.store.kinds(b.JobID())
		if len(got) != 4 || got[3] != contract.EventProved || r.store.events[3].Facts[contract.FactAgain] != "true" {
			t.Errorf("events %v", got)
		}
	})
}

// TestTokenOfAProofThatDoesNotVerifyIsDropped checks that a prover can remove its resume
// token during verification, and that the next attempt then starts anew.
func TestTokenOfAProofThatDoesNotVerifyIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Verify = true })
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		var tokens []string
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			tokens = append(tokens, string(task.ResumeToken))
			if err := sink(contract.WorkEvent{Resume: []byte("job-1")}); err != nil {
				return contract.Result{}, err
			}
			return proving(ctx, task, sink)
		}
		r.proof.verify = func(_ contract.Task, sink func(contract.WorkEvent) error) error {
			if len(tokens) > 1 {
				return nil
			}
			if err := sink(contract.WorkEvent{Resume: []byte{}}); err != nil {
				return err
			}
			return contract.Retryable(errBroken)
		}
		r.run(t, time.Minute)
		if !slices.Equal(tokens, []string{"", ""}) || r.state(t, b).State != status.JobDone {
			t.Errorf("tokens %q, job %s", tokens, r.state(t, b).State)
		}
	})
}

// TestTokenIsGoodForTheSameWorkOnly checks that an attempt with another fingerprint or
// another input gets no resume token.
func TestTokenIsGoodForTheSameWorkOnly(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		input  byte
		want   string
	}{
		"the same":              {func(*Config) {}, 0, "job-1"},
		"another configuration": {func(c *Config) { c.Stages[3].Fingerprint = "p2" }, 0, ""},
		"another input":         {func(c *Config) { c.Stages[1].Fingerprint = "b2" }, 1, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			store, b := newMemory(t), testBlock(1, 0)
			build := func(input byte, change func(*Config)) *rig {
				r := newRig(t, store, change)
				r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
					return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin", SHA256: [32]byte{input}}}}, nil
				}
				return r
			}
			first := build(0, nil)
			first.source.polls = []contract.PollResponse{poll("c", 1, b)}
			first.proof.do = func(ctx context.Context, _ contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
				err := sink(contract.WorkEvent{Resume: []byte("job-1")})
				<-ctx.Done()
				return contract.Result{}, errors.Join(err, ctx.Err())
			}
			first.run(t, time.Minute)
			token := "none"
			again := build(c.input, c.change)
			again.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
				token = string(task.ResumeToken)
				return proving(ctx, task, sink)
			}
			again.run(t, time.Minute)
			if token != c.want {
				t.Errorf("%s: token %q, want %q", name, token, c.want)
			}
		})
	}
}

// TestAgeDropsWhatNobodyAskedFor checks that blocks which the operator or the list of the
// file names are not dropped for their age.
func TestAgeDropsWhatNobodyAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) {
			c.Selection.DropAfter, c.Selection.Blocks = time.Hour, []uint64{2}
		})
		old := func(n uint64) contract.Block {
			b := testBlock(n, 0)
			b.Time = time.Now().Add(-30 * 24 * time.Hour)
			return b
		}
		selected, listed := old(1), old(2)
		want := map[contract.Block]status.JobState{selected: status.JobDropped, listed: status.JobDone}
		r.source.known = map[uint64]contract.Block{2: listed}
		var added []uint64
		for n := uint64(3); n < 9; n++ { // more than a stage takes at once: they wait
			r.source.known[n] = old(n)
			want[r.source.known[n]] = status.JobDone
			added = append(added, n)
		}
		r.source.polls = []contract.PollResponse{poll("c", 9, selected)}
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(5 * time.Minute)
			return contract.Result{}, nil
		}
		r.proof.do = proving
		stop := r.start(t)
		if _, err := r.AddBlocks(t.Context(), added); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		stop()
		for b, want := range want {
			if j := r.state(t, b); j.State != want {
				t.Errorf("block %d (%s) is %s, want %s", b.Number, j.Origin, j.State, want)
			}
		}
	})
}

// TestAgeIsCountedFromTheHead checks that the blocks of a chain that stands still do not
// become older. When the chain goes on far ahead, the old blocks are dropped in the
// transaction that takes in the new ones, so that no stage begins them.
func TestAgeIsCountedFromTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.DropAfter = time.Hour })
		start := time.Now().Add(-30 * 24 * time.Hour)
		at := func(n uint64, after time.Duration) contract.Block {
			b := testBlock(n, 0)
			b.Time = start.Add(after)
			return b
		}
		still, left, behind, head := at(1, 0), at(2, time.Second), at(3, 2*time.Second), at(900, 3*time.Hour)
		answer := func(blocks ...contract.Block) contract.PollResponse {
			p := poll("c", blocks[len(blocks)-1].Number, blocks...)
			p.HeadTime = blocks[len(blocks)-1].Time
			return p
		}
		r.source.polls = []contract.PollResponse{answer(still, left), answer(behind, head)}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(2 * time.Hour)
			return proving(ctx, task, sink)
		}
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(time.Minute)
			return contract.Result{}, nil
		}
		r.run(t, 12*time.Hour)
		if j := r.state(t, head); j.State != status.JobDone {
			t.Errorf("the block at the head is %s: %s", j.State, j.Reason)
		}
		if j := r.state(t, behind); j.State != status.JobDropped || len(j.Stages["source"].Outputs) > 0 || j.Stages["source"].Attempt > 0 {
			t.Errorf("the block far behind the head is %s after %d attempts", j.State, j.Stages["source"].Attempt)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.DropAfter = time.Hour })
		b := testBlock(7, 0)
		b.Time = time.Now().Add(-30 * 24 * time.Hour)
		frozen := poll("c", 7, b)
		frozen.HeadTime = b.Time
		r.source.polls = []contract.PollResponse{frozen}
		for range 10_000 {
			r.source.polls = append(r.source.polls, contract.PollResponse{Head: 7, HeadTime: b.Time, NextCursor: []byte("c")})
		}
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(time.Hour)
			return contract.Result{}, nil
		}
		r.proof.do = proving
		r.run(t, 2*time.Hour)
		if j := r.state(t, b); j.State != status.JobDone {
			t.Errorf("the newest block of a chain that stands still is %s: %s", j.State, j.Reason)
		}
	})
}

// TestRepairLooksAgainNearTheHead checks that a target which the source does not give yet,
// because too few blocks lie on it, is taken in when it does.
func TestRepairLooksAgainNearTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.Targets.Every, c.Selection.Repair = 10, 128 })
		b := testBlock(200, 0)
		r.source.known = map[uint64]contract.Block{}
		r.source.polls = []contract.PollResponse{poll("c", 200)}
		r.proof.do = proving
		stop := r.start(t)
		time.Sleep(5 * repairEvery)
		r.source.appear(b)
		time.Sleep(repairMissing + 3*repairEvery)
		stop()
		if j := r.state(t, b); j.State != status.JobDone {
			t.Errorf("the block is %s", j.State)
		}
	})
}

// TestSourceThatDoesNotWaitIsPaced checks that a source which answers at once without
// blocks is polled only once a second.
func TestSourceThatDoesNotWaitIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		for range 1000 {
			r.source.polls = append(r.source.polls, poll("c", 5))
		}
		r.run(t, time.Minute)
		if asked := 1000 - len(r.source.polls); asked > 61 {
			t.Errorf("asked %d times in a minute", asked)
		}
	})
}

// TestPauseLastsAsLongAsThePluginAsks checks that a stage gets no work before the time
// that an environment error names.
func TestPauseLastsAsLongAsThePluginAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		r.source.polls = []contract.PollResponse{poll("c", 1, testBlock(1, 0))}
		r.proof.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{}, &contract.Error{Class: contract.ClassEnvironment, Err: errBroken, After: 20 * time.Minute}
		}
		r.run(t, 59*time.Minute)
		if n := len(r.proof.starts()); n != 3 {
			t.Errorf("%d attempts in an hour, want one in 20 minutes", n)
		}
	})
}

// TestAnnouncedBlockThatWaitsIsNotDropped checks that age does not drop an announced
// block, because an announcement without a proof counts against the operator.
func TestAnnouncedBlockThatWaitsIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.DropAfter = time.Minute })
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if len(r.proof.starts()) > 1 {
				return proving(ctx, task, sink)
			}
			_, err := proving(ctx, task, sink)
			return contract.Result{}, errors.Join(err, contract.RetryAfter(errBroken, 30*time.Minute))
		}
		r.run(t, time.Hour)
		if j := r.state(t, b); j.State != status.JobDone {
			t.Errorf("the announced block is %s: %s", j.State, j.Reason)
		}
	})
}

// TestProofWaitsForItsVerifier checks that a proof is made only once when its verifier
// cannot work for a while.
func TestProofWaitsForItsVerifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Verify = true })
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = proving
		mended := time.Now().Add(10 * time.Minute)
		r.proof.verify = func(contract.Task, func(contract.WorkEvent) error) error {
			if time.Now().Before(mended) {
				return contract.Environment(errors.New("the verifier crashed"), "install it again")
			}
			return nil
		}
		stop := r.start(t)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if p := r.Snapshot().Stages[3].Paused; !strings.Contains(p, "waits to be verified") {
			t.Errorf("the stage says %q", p)
		}
		time.Sleep(10 * time.Minute)
		stop()
		if j := r.state(t, b); j.State != status.JobDone || len(r.proof.starts()) != 1 {
			t.Errorf("job %s after %d proofs, want done after one", j.State, len(r.proof.starts()))
		}
	})
}

// TestWorkInVainIsWithdrawn checks that Withdraw cancels the attempt at a proof that is of
// no use any more.
func TestWorkInVainIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		var cause error
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			result, err := after30s(ctx, task, sink)
			cause = context.Cause(ctx)
			return result, err
		}
		stop := r.start(t)
		time.Sleep(10 * time.Second)
		if err := r.Withdraw(t.Context(), b.JobID(), "prove", "proved elsewhere"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		stop()
		j := r.state(t, b)
		if cause == nil || j.Stages["prove"].State != record.StageSkipped || j.State != status.JobDone {
			t.Errorf("cut off by %v, stage %s, job %s", cause, j.Stages["prove"].State, j.State)
		}
		if got := r.store.kinds(j.ID); slices.Contains(got, contract.EventProved) {
			t.Errorf("told %v", got)
		}
	})
}
