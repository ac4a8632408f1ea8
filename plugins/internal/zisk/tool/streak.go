package tool

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/sdk"
)

// Streak tells faults of the machine from faults of a block by what becomes of
// the other blocks. Two different blocks in a row that fail alike are the
// machine's until one block has succeeded; and a fault that looks like the
// machine's is the block's when it returns with the same block although another
// one succeeded in between. The zero value is ready for use. Its methods may be
// called concurrently.
type Streak struct {
	mu        sync.Mutex
	successes int
	failures  map[string]death // the last one of each job
}

// death is how a job failed last.
type death struct {
	code  zisk.Code
	after int // how many successes there had been
}

// streakLimit bounds the remembered jobs.
const streakLimit = 1000

// Succeeded notes that a job was done.
func (s *Streak) Succeeded(job string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.successes++
	delete(s.failures, job)
}

// Failed notes the failure of a job and gives it the class by which the host
// acts. A guest that fails for the first time on a block may have been given an
// incomplete input: where suspects are named, they are made anew; and a service
// that merely crashed is tried again once.
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
	s.note(job, death{f.Code, s.successes})
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
	return Classed(f)
}

func (s *Streak) note(job string, d death) {
	if s.failures == nil {
		s.failures = make(map[string]death)
	}
	if len(s.failures) >= streakLimit {
		maps.DeleteFunc(s.failures, func(_ string, old death) bool { return old.after < s.successes })
	}
	s.failures[job] = d
}

// Judge is Failed for an error that may be a zisk.Failure; another error, and
// one that is classed as interrupted, stays as it is.
func (s *Streak) Judge(job string, err error, suspects ...string) error {
	f, ok := errors.AsType[*zisk.Failure](err)
	if !ok || sdk.ClassOf(err) == sdk.ClassInterrupted {
		return err
	}
	return s.Failed(job, f, suspects...)
}

// Suspects names the inputs of a task that may be why its guest failed: the
// witness, unless a gate has executed the block from it.
func Suspects(t *sdk.Task) []string {
	if t.HasInput(sdk.ArtifactWitness) && !t.HasInput(sdk.ArtifactExecution) {
		return []string{sdk.ArtifactWitness}
	}
	return nil
}
