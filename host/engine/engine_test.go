package engine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func TestBlockGoesThroughEveryStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(100, 0)
		r.source.polls = []contract.PollResponse{poll("c1", 100, b)}
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{WorkTime: 40 * time.Millisecond, Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		r.proof.do = proving
		r.run(t, time.Minute)
		j := r.state(t, b)
		if j.State != status.JobDone || j.Stages["prove"].Announced != contract.EventProved {
			t.Fatalf("state %s, announced %s, want done and proved", j.State, j.Stages["prove"].Announced)
		}
		want := []contract.EventKind{contract.EventQueued, contract.EventProving, contract.EventProved}
		if got := r.store.kinds(j.ID); !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
		if got := facts(r.store.events, contract.EventProved)[contract.FactProvingTimeMS]; got != "7040" {
			t.Errorf("proving_time_ms %q, want 7040: builder and tool, nothing else", got)
		}
		if j.Stages["prove"].ProvingMS != 7040 {
			t.Errorf("%d ms in the record, want what is reported", j.Stages["prove"].ProvingMS)
		}
		if got := r.files.published["100"]; !slices.Equal(got, []string{"execution.json", "proof.bin"}) {
			t.Errorf("published %v", got)
		}
	})
}

// TestReporterOfAllArtifacts checks that a reporter with AllArtifacts gets every artifact
// of the block with the proof, and that earlier phases and other reporters get no more
// than before.
func TestReporterOfAllArtifacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) {
			whole := c.Reporters[0]
			whole.Name, whole.AllArtifacts = "archive", true
			c.Reporters = append(c.Reporters, whole)
			c.Stages[2].Needs, c.Stages[3].Needs, c.Stages[3].Confirm = []string{"source"}, []string{"input"}, []string{"check"}
		})
		b := testBlock(100, 0)
		r.source.polls = []contract.PollResponse{poll("c1", 100, b)}
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		r.proof.do = proving
		r.run(t, time.Minute)
		for _, e := range r.store.events {
			var beside []string
			for _, a := range e.Additional {
				beside = append(beside, a.Name)
			}
			var want []string
			if e.Reporter == "archive" && e.Kind == contract.EventProved {
				want = []string{"source.out", "input.bin", "execution.json"}
			}
			if !slices.Equal(beside, want) {
				t.Errorf("%s to %s has %v beside its outputs, want %v", e.Kind, e.Reporter, beside, want)
			}
			if e.Kind == contract.EventProved && (len(e.Outputs) != 1 || e.Outputs[0].Name != "proof.bin") {
				t.Errorf("proved to %s has %v", e.Reporter, e.Outputs)
			}
		}
		if got := len(r.store.events); got != 6 {
			t.Errorf("%d events, want three for each of two reporters", got)
		}
	})
}

func TestPipelineWithoutProofAnnouncesOnlyChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages = c.Stages[:3] })
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.run(t, time.Minute)
		if got := r.store.kinds(b.JobID()); !slices.Equal(got, []contract.EventKind{contract.EventChecked}) {
			t.Errorf("events %v, want checked alone", got)
		}
	})
}

func TestGateStopsBlockBeforeItIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		bad, good := testBlock(1, 0), testBlock(2, 0)
		r.source.polls = []contract.PollResponse{poll("c", 2, bad, good)}
		r.gate.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Block.Number == 1 {
				return contract.Result{}, contract.Permanent(errors.New("state root differs"))
			}
			return contract.Result{}, nil
		}
		r.run(t, time.Minute)
		if j := r.state(t, bad); j.State != status.JobFailed || j.Reason != "state root differs" || j.Stages["check"].State != record.StageFailed {
			t.Errorf("job %s: %q, %+v", j.State, j.Reason, j.Stages["check"])
		}
		if got := r.store.kinds(bad.JobID()); !slices.Equal(got, []contract.EventKind{contract.EventFailed}) {
			t.Errorf("events of the bad block %v, want failed alone", got)
		}
		if j := r.state(t, good); j.State != status.JobDone {
			t.Errorf("the good block is %s", j.State)
		}
	})
}

func TestRetriesBackOffAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{}, errBroken
		}
		r.run(t, time.Minute)
		j := r.state(t, b)
		if j.State != status.JobFailed || len(r.proof.starts()) != 3 {
			t.Errorf("job %s after %d attempts, want failed after 3", j.State, len(r.proof.starts()))
		}
		want := []contract.EventKind{contract.EventFailed}
		if got := r.store.kinds(j.ID); !slices.Equal(got, want) {
			t.Errorf("events %v, want %v: a prover that took nothing on announces nothing", got, want)
		}
	})
}

func TestEnvironmentPausesStageAndSpendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		mended := time.Now().Add(5 * time.Minute)
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if time.Now().Before(mended) {
				return contract.Result{}, contract.Environment(errors.New("no GPU"), "plug one in")
			}
			return proving(ctx, task, sink)
		}
		r.run(t, 10*time.Minute)
		j := r.state(t, b)
		if j.State != status.JobDone || j.Stages["prove"].Failures != 0 {
			t.Errorf("job %s with %d failures, want done with none", j.State, j.Stages["prove"].Failures)
		}
		if n := len(r.proof.starts()); n < 5 || n > 20 {
			t.Errorf("%d attempts in five minutes, want a few", n)
		}
	})
}

func TestPoisonBlockIsGivenUpAfterThreeCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		poison, good := testBlock(2, 0), testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 2, good, poison)}
		r.gate.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Block.Number == 2 {
				return contract.Result{}, contract.Interrupted(errors.New("plugin died: signal 11"))
			}
			return contract.Result{}, nil
		}
		r.run(t, time.Minute)
		if j := r.state(t, poison); j.State != status.JobFailed || j.Stages["check"].Deaths != 3 {
			t.Errorf("job %s after %d crashes", j.State, j.Stages["check"].Deaths)
		}
		if j := r.state(t, good); j.State != status.JobDone {
			t.Errorf("the good block is %s", j.State)
		}
	})
}

func TestTimeoutCutsAttemptAndCountsAsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Timeout, c.Stages[3].Retries = time.Minute, 0 })
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			<-ctx.Done()
			return contract.Result{}, contract.Interrupted(ctx.Err())
		}
		r.run(t, 2*time.Minute)
		if j := r.state(t, b); j.State != status.JobFailed || j.Reason != "stopped after its timeout of 1m0s" {
			t.Errorf("job %s: %q", j.State, j.Reason)
		}
	})
}

func TestNewestOvertakesAndPressureTravelsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		var blocks []contract.Block
		for n := range uint64(40) {
			blocks = append(blocks, testBlock(n+1, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", 40, blocks...)}
		release := make(chan struct{})
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return proving(ctx, task, sink)
		}
		done := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- r.Run(ctx, t.Context()) }()
		time.Sleep(time.Second)
		synctest.Wait()
		// One block in the prover, two waiting before each of the three stages
		// behind the source.
		if n := len(r.source.starts()); n != 7 {
			t.Errorf("%d blocks fetched while the prover is busy, want 7", n)
		}
		if got := r.proof.starts(); len(got) != 1 || got[0] != blocks[39].JobID() {
			t.Errorf("prover began %v, want the newest", got)
		}
		newest := testBlock(41, 0)
		r.source.mu.Lock()
		r.source.polls = []contract.PollResponse{poll("c2", 41, newest)}
		r.source.mu.Unlock()
		time.Sleep(pollWait)
		synctest.Wait()
		if got := r.gate.starts(); got[len(got)-1] != newest.JobID() {
			t.Errorf("the last to reach the gate is %s, want the new head %s", got[len(got)-1], newest.JobID())
		}
		close(release)
		time.Sleep(time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := r.proof.starts(); got[1] != newest.JobID() || len(got) != 41 {
			t.Errorf("the prover's second of %d blocks is %s, want the new head", len(got), got[1])
		}
	})
}

func TestReorgCancelsWaitingAndRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		running, waiting, replacement := testBlock(9, 0), testBlock(8, 0), testBlock(9, 1)
		r.source.polls = []contract.PollResponse{poll("c", 9, running)}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Block.Hash == running.Hash {
				<-ctx.Done() // a prover that ignores nothing, but answers late
				time.Sleep(3 * time.Second)
				if sink(contract.WorkEvent{Progress: &contract.Progress{Phase: "LATE"}}) == nil {
					t.Error("progress of a cancelled job was taken")
				}
			}
			return proving(ctx, task, sink)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, t.Context()) }()
		time.Sleep(time.Second)
		synctest.Wait()
		orphaned := poll("c2", 9, waiting)
		after := poll("c3", 9, replacement)
		after.Orphaned = []contract.Hash{running.Hash, waiting.Hash}
		r.source.mu.Lock()
		r.source.polls = []contract.PollResponse{orphaned, after}
		r.source.mu.Unlock()
		time.Sleep(time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for _, b := range []contract.Block{running, waiting} {
			if j := r.state(t, b); j.State != status.JobCancelled {
				t.Errorf("orphan %s is %s", j.ID, j.State)
			}
			if kinds := r.store.kinds(b.JobID()); len(kinds) != 0 {
				t.Errorf("orphan %d still has unsent events %v", b.Number, kinds)
			}
		}
		if j := r.state(t, replacement); j.State != status.JobDone {
			t.Errorf("the block that took its place is %s", j.State)
		}
	})
}

func TestOrphanThatComesBackStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		a, b := testBlock(5, 0), testBlock(5, 1)
		gone, back := poll("2", 5, b), poll("3", 5, a)
		gone.Orphaned, back.Orphaned = []contract.Hash{a.Hash}, []contract.Hash{b.Hash}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(30 * time.Second)
			return proving(ctx, task, sink)
		}
		r.source.polls = []contract.PollResponse{poll("1", 5, a), gone, back}
		r.run(t, 5*time.Minute)
		if j := r.state(t, a); j.State != status.JobDone {
			t.Errorf("the block that came back is %s: %s", j.State, j.Reason)
		}
		if j := r.state(t, b); j.State != status.JobCancelled {
			t.Errorf("the other one is %s", j.State)
		}
	})
}

func TestStopQueuesAgainAndRestartFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		r := newRig(t, store, nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = func(ctx context.Context, _ contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if err := sink(contract.WorkEvent{Resume: []byte("job-7")}); err != nil {
				return contract.Result{}, err
			}
			<-ctx.Done()
			return contract.Result{}, ctx.Err()
		}
		begin := time.Now()
		r.run(t, time.Minute)
		if took := time.Since(begin); took != time.Minute+5*time.Second {
			t.Errorf("stopped after %s, want the grace of 5 s", took)
		}
		if j := r.state(t, b); j.State != status.JobWaiting || j.Stages["prove"].Failures+j.Stages["prove"].Deaths != 0 {
			t.Fatalf("job %s, %+v: a stop costs nothing", j.State, j.Stages["prove"])
		}
		again := newRig(t, store, nil)
		var token string
		again.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			token = string(task.ResumeToken)
			return proving(ctx, task, sink)
		}
		again.run(t, time.Minute)
		if j := again.state(t, b); j.State != status.JobDone || j.Stages["prove"].Attempt != 2 {
			t.Errorf("job %s at attempt %d, want done at the second", j.State, j.Stages["prove"].Attempt)
		}
		if token != "job-7" {
			t.Errorf("the second attempt got the token %q", token)
		}
		if len(again.source.starts()) != 0 {
			t.Error("the block was fetched again")
		}
	})
}

func TestRecoveryAfterCrashInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		b := testBlock(3, 0)
		rec := record.New(b, record.Selected, time.Now())
		rec.State = status.JobRunning
		rec.Stages["source"] = record.Stage{State: record.StageDone, Attempt: 1, Fingerprint: "s"}
		rec.Stages["input"] = record.Stage{State: record.StageDone, Attempt: 1, Fingerprint: "another configuration"}
		rec.Stages["check"] = record.Stage{State: record.StageRunning, Attempt: 4}
		store.jobs[rec.ID] = rec
		r := newRig(t, store, func(c *Config) { c.Limit = 1 })
		r.source.polls = []contract.PollResponse{poll("c", 9, testBlock(9, 0))}
		r.run(t, time.Minute)
		j := r.state(t, b)
		if j.State != status.JobDone || len(r.source.starts()) != 0 || len(r.builder.starts()) != 1 {
			t.Errorf("job %s; fetched %d, built %d times: want the stale input alone rebuilt", j.State, len(r.source.starts()), len(r.builder.starts()))
		}
		if j.Stages["check"].Attempt != 5 {
			t.Errorf("attempt %d of the interrupted stage, want 5", j.Stages["check"].Attempt)
		}
		if got := r.Finished(); len(got) != 1 || got[0].ID != rec.ID {
			t.Errorf("a limited run finished %v, want the block begun before", got)
		}
	})
}

func TestLimitTakesSoManyBlocksAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Limit = 5 })
		var blocks []contract.Block
		for n := range uint64(20) {
			blocks = append(blocks, testBlock(n, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", 20, blocks...)}
		begin := time.Now()
		r.run(t, time.Hour)
		if time.Since(begin) > time.Minute {
			t.Error("the run did not end at its limit")
		}
		if n := len(r.Finished()); n != 5 || len(r.source.starts()) != 5 {
			t.Errorf("%d finished, %d begun, want 5 and 5", n, len(r.source.starts()))
		}
	})
}

func TestMissingArtifactSendsJobBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			r.files.mu.Lock()
			if len(r.builder.begun) == 1 {
				r.files.missing = &artifact.LostError{Artifact: contract.Artifact{Name: "input.bin"}, Path: "gone"}
			}
			r.files.mu.Unlock()
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		r.run(t, time.Minute)
		if j := r.state(t, b); j.State != status.JobDone || len(r.builder.starts()) != 2 || len(r.source.starts()) != 1 {
			t.Errorf("job %s, built %d times, fetched %d times; want done, 2, 1", j.State, len(r.builder.starts()), len(r.source.starts()))
		}
	})
}

// TestChangedInputIsMadeAgain checks that the maker of an input runs again when a proof
// fails permanently because a disk has changed the input.
func TestChangedInputIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Attempt > 1 {
				return proving(ctx, task, sink)
			}
			r.files.mu.Lock()
			r.files.changed = &artifact.LostError{Artifact: contract.Artifact{Name: "input.bin"}, Path: "in/input.bin", Changed: true}
			r.files.mu.Unlock()
			return contract.Result{}, contract.Permanent(errors.New("the guest panicked"))
		}
		r.run(t, time.Minute)
		if j := r.state(t, b); j.State != status.JobDone || len(r.builder.starts()) != 2 || len(r.source.starts()) != 1 {
			t.Errorf("job %s, built %d times, fetched %d times; want done, 2, 1", j.State, len(r.builder.starts()), len(r.source.starts()))
		}
	})
}

func TestStaleInputIsMadeAgainWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[2].Retries, c.Stages[2].Backoff = 2, time.Second })
		mended, hopeless := testBlock(2, 0), testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 2, mended, hopeless)}
		fetched := map[uint64]int{}
		r.source.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			fetched[task.Block.Number]++
			return contract.Result{Outputs: []contract.Artifact{{Name: contract.ArtifactWitness, SHA256: [32]byte{byte(task.Attempt)}}}}, nil
		}
		r.gate.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Block.Number == 1 || fetched[2] < 2 {
				return contract.Result{}, contract.Stale(errors.New("a node is missing"), contract.ArtifactWitness)
			}
			return contract.Result{}, nil
		}
		r.run(t, time.Minute)
		if j := r.state(t, mended); j.State != status.JobDone || fetched[2] != 2 || len(r.builder.starts()) != 5 {
			t.Errorf("job %s after %d fetches, %d builds", j.State, fetched[2], len(r.builder.starts()))
		}
		if j := r.state(t, hopeless); j.State != status.JobFailed || fetched[1] != 3 {
			t.Errorf("job %s after %d fetches, want failed after 3", j.State, fetched[1])
		}
	})
}

func TestBlockThatLeavesTheWindowIsFetchedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.Repair = 100 })
		r.proof.do = func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			<-ctx.Done() // the prover is busy for good
			return contract.Result{}, ctx.Err()
		}
		var blocks []contract.Block
		for n := uint64(1); n <= 60; n += 3 {
			blocks = append(blocks, testBlock(n, 0))
		}
		first := poll("1", 60, blocks...)
		later := poll("2", 130) // blocks 31 to 46 are 84 to 99 behind
		r.source.polls = []contract.PollResponse{first}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, t.Context()) }()
		time.Sleep(time.Second)
		synctest.Wait()
		before := r.source.starts() // the newest: how many depends on which stage claims first
		r.source.mu.Lock()
		r.source.polls = []contract.PollResponse{later}
		r.source.mu.Unlock()
		time.Sleep(2 * pollWait)
		synctest.Wait()
		fetched := r.source.starts()[len(before):]
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		var want []string
		for n := uint64(31); n <= 46; n += 3 {
			if id := testBlock(n, 0).JobID(); !slices.Contains(before, id) {
				want = append(want, id)
			}
		}
		if len(want) < 2 {
			t.Fatalf("%v were fetched before: nothing was tested", before)
		}
		if !slices.Equal(fetched, want) {
			t.Errorf("fetched %v, want %v: the oldest in the margin first, none outside", fetched, want)
		}
	})
}

func TestGapsAreRepairedWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		r := newRig(t, store, func(c *Config) {
			c.Selection.Targets.Every = 10
			c.Selection.Repair = 50
		})
		dropped := record.New(testBlock(180, 0), record.Selected, time.Now())
		dropped.State, dropped.Reason, dropped.Finished = status.JobDropped, "too old", time.Now()
		if err := store.Commit(record.Change{Jobs: []*record.Job{dropped}}); err != nil {
			t.Fatal(err)
		}
		r.source.known = map[uint64]contract.Block{}
		for n := uint64(100); n <= 200; n++ {
			r.source.known[n] = testBlock(n, 0)
		}
		r.source.polls = []contract.PollResponse{poll("c", 200, testBlock(200, 0))}
		r.run(t, 10*time.Minute)
		for n := uint64(100); n <= 200; n++ {
			jobs, _ := store.ByNumber(n)
			want := n%10 == 0 && n > 150
			if (len(jobs) == 1) != want {
				t.Errorf("block %d: %d jobs", n, len(jobs))
			}
			if want && n != 180 && jobs[0].State != status.JobDone {
				t.Errorf("block %d is %s", n, jobs[0].State)
			}
		}
		if first := r.source.starts()[0]; first != testBlock(200, 0).JobID() {
			t.Errorf("the first block worked on is %s, want the tip", first)
		}
		if j := r.state(t, testBlock(180, 0)); j.State != status.JobDropped {
			t.Errorf("the dropped block was taken up again: %s", j.State)
		}
	})
}

func TestDroppedWhenOldButNeverOnceAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Selection.DropAfter = time.Hour; c.Selection.Order = selection.NewestFirst })
		announced, waiting := testBlock(2, 0), testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 2, waiting, announced)}
		r.builder.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Job == waiting.JobID() {
				time.Sleep(time.Second) // it comes to the prover as the second
			}
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			select {
			case <-time.After(2 * time.Hour):
				return proving(ctx, task, sink)
			case <-ctx.Done():
				return contract.Result{}, ctx.Err()
			}
		}
		r.run(t, 5*time.Hour)
		if j := r.state(t, announced); j.State != status.JobDone {
			t.Errorf("the announced block is %s", j.State)
		}
		if j := r.state(t, waiting); j.State != status.JobDropped || j.Reason == "" {
			t.Errorf("the waiting block is %s: %q", j.State, j.Reason)
		}
	})
}

func TestCheckpointTroubleStopsEverythingUntilMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		r := newRig(t, store, nil)
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		store.fail = errors.New("no space left on device")
		go func() {
			time.Sleep(time.Minute)
			if r.Snapshot().Trouble == "" || len(r.source.starts()) != 0 {
				t.Error("work went on although nothing could be recorded")
			}
			store.mu.Lock()
			store.fail = nil
			store.mu.Unlock()
		}()
		r.run(t, 3*time.Minute)
		if j := r.state(t, b); j.State != status.JobDone {
			t.Errorf("job %s after the disk was mended", j.State)
		}
	})
}

func TestProofThatDoesNotVerifyIsNeverReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].Verify = true })
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do, r.proof.reject = proving, errors.New("invalid")
		r.run(t, time.Minute)
		if j := r.state(t, b); j.State != status.JobFailed || len(r.proof.verified) != 3 {
			t.Errorf("job %s after %d verifications", j.State, len(r.proof.verified))
		}
		if slices.Contains(r.store.kinds(b.JobID()), contract.EventProved) || len(r.files.published["1"]) != 1 {
			t.Errorf("an invalid proof got out: %v, %v", r.store.kinds(b.JobID()), r.files.published["1"])
		}
	})
}

func TestStuckProverRaisesOneAlertAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages[3].StuckAfter = 10 * time.Minute })
		b := testBlock(1, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, b)}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(time.Hour)
			return proving(ctx, task, sink)
		}
		r.run(t, 2*time.Hour)
		stuck := 0
		for _, e := range r.store.events {
			if e.Kind == contract.EventProverStuck {
				stuck++
			}
		}
		if j := r.state(t, b); stuck != 1 || j.State != status.JobDone {
			t.Errorf("%d alerts, job %s; want one and done", stuck, j.State)
		}
	})
}

func TestAddAndProveByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		b := testBlock(77, 0)
		given := testBlock(78, 0)
		r.source.known = map[uint64]contract.Block{77: b, 78: given}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, t.Context()) }()
		results, err := r.AddBlocks(ctx, []uint64{77, 77, 5})
		if err != nil {
			t.Fatal(err)
		}
		if !results[0].Added || results[1].Added || results[2].Added || results[2].Outcome != "no such block" {
			t.Errorf("results %+v", results)
		}
		result, err := r.ProveBlock(ctx, ProveRequest{Number: 78, Input: "/input.bin", BuildTime: 850 * time.Millisecond})
		if err != nil || !result.Added {
			t.Fatalf("%+v, %v", result, err)
		}
		time.Sleep(time.Minute)
		if again, err := r.AddBlocks(ctx, []uint64{77}); err != nil || again[0].Added {
			t.Errorf("added twice: %+v, %v", again, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for _, want := range []contract.Block{b, given} {
			if j := r.state(t, want); j.State != status.JobDone {
				t.Errorf("block %d is %s", want.Number, j.State)
			}
		}
		if len(r.source.starts()) != 1 || len(r.gate.starts()) != 1 {
			t.Error("a block with a given input was fetched or checked")
		}
		if ms := r.state(t, given).Stages["prove"].ProvingMS; ms != 850 { // the prover's own is 0
			t.Errorf("the proving time is %d ms, want the 850 of the input", ms)
		}
	})
}

func TestRetryAndSkip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		broken, endless := testBlock(1, 0), testBlock(2, 0)
		r.source.polls = []contract.PollResponse{poll("c", 1, broken)}
		mended := false
		r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
			if !mended {
				return contract.Result{}, contract.Permanent(errBroken)
			}
			return contract.Result{}, nil
		}
		r.gate.do = func(ctx context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Block.Number == 2 {
				<-ctx.Done()
				return contract.Result{}, ctx.Err()
			}
			return contract.Result{}, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx, t.Context()) }()
		time.Sleep(time.Minute)
		if j := r.state(t, broken); j.State != status.JobFailed {
			t.Fatalf("job %s, want failed", j.State)
		}
		if err := r.Skip(ctx, broken.JobID()); err == nil {
			t.Error("a finished job was skipped")
		}
		mended = true
		if err := r.Retry(ctx, RetryRequest{Job: broken.JobID()}); err != nil {
			t.Fatal(err)
		}
		r.source.known = map[uint64]contract.Block{2: endless}
		if _, err := r.AddBlocks(ctx, []uint64{2}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := r.Skip(ctx, endless.JobID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		snap := r.Snapshot()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if j := r.state(t, broken); j.State != status.JobDone {
			t.Errorf("the retried job is %s: %s", j.State, j.Reason)
		}
		if j := r.state(t, endless); j.State != status.JobCancelled || j.Reason != "skipped by the operator" {
			t.Errorf("the skipped job is %s: %s", j.State, j.Reason)
		}
		if len(snap.Recent) != 2 || len(snap.Jobs) != 0 {
			t.Errorf("%d recent and %d unfinished jobs are shown, want 2 and none", len(snap.Recent), len(snap.Jobs))
		}
	})
}
