package tool

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/sdk"
)

// Streak distinguishes faults of the machine from faults of a block by the outcomes of
// the other blocks. When two blocks in a row fail with the same code, the machine is at
// fault until a block succeeds. When a fault of the machine returns with the same block
// after another block has succeeded, the block is at fault. The zero value is ready for
// use. It is safe for concurrent use.
type Streak struct {
	mu        sync.Mutex
	successes int
	failures  map[string]lastFailure // by job
}

// lastFailure is the last failure of a job.
type lastFailure struct {
	code  zisk.Code
	after int // number of successes before the failure
}

// streakLimit is the number of jobs in Streak.failures above which old ones are dropped.
const streakLimit = 1000

// Succeeded records the success of a job.
func (s *Streak) Succeeded(job string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.successes++
	delete(s.failures, job)
}

// Failed records the failure of a job and returns it with the class that the host acts
// on. suspects are names of inputs that may be incomplete. When the guest fails for the
// first time on a block, the host makes the suspects anew and retries. It also retries
// once when a service crashed.
func (s *Streak) Failed(job string, f *zisk.Failure, suspects ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, again := s.failures[job]
	other := ""
	for name, d := range s.failures {
		if name != job && d.code == f.Code && d.after == s.successes {
			other = name
			break
		}
	}
	s.record(job, lastFailure{f.Code, s.successes})
	switch f.Kind {
	case zisk.Machine:
		if again && before.code == f.Code && before.after < s.successes {
			return &sdk.Error{Class: sdk.ClassRetryable, Remedy: f.Remedy,
				Err: fmt.Errorf("other blocks succeeded since this one failed in the same way: %w", f)}
		}
	case zisk.Guest, zisk.Transient, zisk.Invalid:
		if other != "" {
			remedy := "look at the kept outputs of cargo-zisk; the stage goes on when one block has succeeded"
			if f.Remedy != "" {
				remedy = f.Remedy + "; the stage goes on when one block has succeeded"
			}
			return sdk.Environment(fmt.Errorf("two blocks in a row failed alike (the other is job %s), and none succeeded since: %w", other, f), remedy)
		}
		first := !again || before.code != f.Code
		if f.Kind == zisk.Guest && first && (len(suspects) > 0 || f.Code == zisk.CodeGuestCrash) {
			return &sdk.Error{Class: sdk.ClassRetryable, Err: f, Remedy: f.Remedy, Stale: suspects}
		}
	}
	return Classify(f)
}

func (s *Streak) record(job string, d lastFailure) {
	if s.failures == nil {
		s.failures = make(map[string]lastFailure)
	}
	if len(s.failures) >= streakLimit {
		maps.DeleteFunc(s.failures, func(_ string, old lastFailure) bool { return old.after < s.successes })
	}
	s.failures[job] = d
}

// FailedWith calls Failed where err is a *zisk.Failure that is not classified as
// interrupted. It returns any other error unchanged.
func (s *Streak) FailedWith(job string, err error, suspects ...string) error {
	f, ok := errors.AsType[*zisk.Failure](err)
	if !ok || sdk.ClassOf(err) == sdk.ClassInterrupted {
		return err
	}
	return s.Failed(job, f, suspects...)
}

// Suspects returns the names of a task's inputs that may be the reason for a failed
// guest: the witness, unless a gate has executed the block from it.
func Suspects(t *sdk.Task) []string {
	if t.HasInput(sdk.ArtifactWitness) && !t.HasInput(sdk.ArtifactExecution) {
		return []string{sdk.ArtifactWitness}
	}
	return nil
}
