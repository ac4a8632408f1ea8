package cluster_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest"
)

// TestAccepted has nothing announced before the coordinator has taken the job.
func TestAccepted(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{SettingUp: 2})
	b := newBench(t, c.URL(), nil)
	p, first := b.open(), b.attempt(nil)
	if _, err := p.Prove(t.Context(), first.Task); err != nil {
		t.Fatal(err)
	}
	phases := func(task *task) []string {
		task.mu.Lock()
		defer task.mu.Unlock()
		return slices.DeleteFunc(slices.Clone(task.phases), func(p string) bool { return p == "" })
	}
	if got := phases(first); len(got) == 0 || got[0] != contract.PhaseAccepted {
		t.Errorf("phases of a new job: %v", got)
	}
	again := b.attempt(first.token)
	if _, err := p.Prove(t.Context(), again.Task); err != nil {
		t.Fatal(err)
	}
	if got := phases(again); len(got) == 0 || got[0] != contract.PhaseAccepted {
		t.Errorf("phases of a job that is taken up: %v", got)
	}
	c.Set(behaviour{NoWorkers: true})
	c.Restart(t)
	refused := b.attempt(nil)
	if _, err := b.open().Prove(t.Context(), refused.Task); class(err) != sdk.ClassEnvironment {
		t.Fatal(err)
	}
	if got := phases(refused); len(got) > 0 {
		t.Errorf("phases of a job that nobody took: %v", got)
	}
}

// TestHastyCoordinator does not hold its answers back: it is asked twice a
// second, not without a pause.
func TestHastyCoordinator(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{Hasty: true, Phase: 500 * time.Millisecond})
	b := newBench(t, c.URL(), nil)
	start := time.Now()
	if _, err := b.open().Prove(t.Context(), b.attempt(nil).Task); err != nil {
		t.Fatal(err)
	}
	// One for the set-up, and one for each half second that has begun.
	if most := 3 + int(time.Since(start)/(500*time.Millisecond)); c.Waits() > most {
		t.Errorf("%d questions in %v, at most %d", c.Waits(), time.Since(start), most)
	}
}

// TestJobTimeout has a job that never ends, as one whose proof the coordinator
// cannot decode.
func TestJobTimeout(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{Phase: time.Hour})
	b := newBench(t, c.URL(), map[string]any{"job_timeout": "1s"})
	task := b.attempt(nil)
	_, err := b.open().Prove(t.Context(), task.Task)
	if class(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "job_timeout") {
		t.Errorf("got %v", err)
	}
	if n := c.Counts(); n.Cancelled != 1 || len(task.token) > 0 {
		t.Errorf("%+v, token %s", n, task.token)
	}
	if d := newBench(t, c.URL(), nil).config().JobTimeout.Std(); d != time.Hour {
		t.Errorf("%v by default", d)
	}
}

// TestRefusedJobIsNotTakenUp has a proof that does not verify. The host hands the
// token back all the same, as it does when it lost the word to drop it: the
// proof is made anew, also by another process.
func TestRefusedJobIsNotTakenUp(t *testing.T) {
	tool := zisktest.New(t, zisktest.Scenario{Version: "0.18.0"})
	c := coordinatortest.Start(t, behaviour{Invalid: true})
	b := newBench(t, c.URL(), map[string]any{"verify_bin": tool.Path, "verifier": "tool"})
	p, first := b.open(), b.attempt(nil)
	result, err := p.Prove(t.Context(), first.Task)
	if err != nil {
		t.Fatal(err)
	}
	saved := slices.Clone(first.token)
	verify := func(of *task, result *sdk.Result) error {
		message := of.Task.Task
		message.Inputs = append(slices.Clone(message.Inputs), sdktest.Recorded(t, message.Dir, result.Outputs)...)
		check, err := sdk.OpenTask(message, slog.New(slog.DiscardHandler), func(sdk.WorkEvent) error { return fmt.Errorf("nobody listens") })
		if err != nil {
			t.Fatal(err)
		}
		defer check.Close()
		return p.Verify(t.Context(), check)
	}
	if err := verify(first, result); class(err) != sdk.ClassRetryable || !strings.Contains(err.Error(), "does not verify") {
		t.Fatalf("got %v", err)
	}
	c.Set(behaviour{})
	for _, q := range []interface {
		Prove(ctx context.Context, t *sdk.Task) (*sdk.Result, error)
	}{p, b.open()} {
		before := c.Counts().Proofs
		second := b.attempt(saved)
		result, err := q.Prove(t.Context(), second.Task)
		if err != nil {
			t.Fatal(err)
		}
		if n := c.Counts().Proofs - before; n != 1 {
			t.Errorf("%d new jobs, want 1", n)
		}
		if err := verify(second, result); err != nil {
			t.Errorf("the new proof: %v", err)
		}
	}
}

// TestWorkersThatRecover names the remedy for workers that are parked after a
// cancelled job: not to start more of them.
func TestWorkersThatRecover(t *testing.T) {
	c := coordinatortest.Start(t, behaviour{SettingUp: 1_000_000})
	b := newBench(t, c.URL(), nil)
	_, err := b.open().Prove(t.Context(), b.attempt(nil).Task)
	if class(err) != sdk.ClassEnvironment || !strings.Contains(err.Error(), "recovers") || strings.Contains(err.Error(), "start zisk-worker") {
		t.Errorf("got %v", err)
	}
}
