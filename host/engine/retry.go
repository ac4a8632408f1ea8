package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Again says which part of a finished job is done once more.
type Again struct {
	Job string
	// From is the first stage that is done anew, with everything behind it. Empty
	// for what failed only: what is done counts, and its files are used.
	From string
	// Stage limits a retry to what this stage needs; empty for every branch.
	Stage string
}

// Retry queues a job again that failed, was dropped or cancelled, or that is done
// but for one of its branches.
func (e *Engine) Retry(ctx context.Context, again Again) error {
	from, err := e.optional(again.From)
	if err != nil {
		return err
	}
	branch, err := e.optional(again.Stage)
	if err != nil {
		return err
	}
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	known, err := e.store.Job(again.Job)
	switch {
	case errors.Is(err, record.ErrNotFound):
		return contract.Permanent(fmt.Errorf("there is no job %s", again.Job))
	case err != nil:
		return err
	case known.Orphaned:
		return contract.Permanent(fmt.Errorf("job %s is of a block that is not on the chain any more", again.Job))
	case !known.State.Finished():
		return contract.Permanent(fmt.Errorf("job %s is %s: only what has ended can be tried again", again.Job, known.State))
	case known.State == status.JobDone && from == nil && branch == nil:
		return contract.Permanent(fmt.Errorf("job %s is done: name the stage with --from to do a part of it again", again.Job))
	}
	rec := known.Clone()
	e.mu.Lock()
	if a := e.jobs[again.Job]; a != nil { // a shadow of it still works
		rec = t.edit(a)
	}
	e.mu.Unlock()
	for _, s := range e.stages {
		r, has := rec.Stages[s.Name]
		if !has || branch != nil && s != branch && !slices.Contains(branch.before, s) && !slices.Contains(branch.confirm, s) {
			continue
		}
		if r.State == record.StageDone && lost(known, s.confirm) { // its files were held back
			r.Announced, r.Phase = unfailed(r.Announced, ""), contract.EventProved
			r.Unpublished = len(r.Outputs) > 0
			rec.Stages[s.Name] = r
		}
		if r.State == record.StageFailed || r.State == record.StageBlocked || r.State == record.StageCancelled ||
			known.State == status.JobFailed && r.State == record.StageSkipped && r.Error == errAddedLate.Error() {
			r.State, r.Failures, r.Deaths, r.Suspect, r.NotBefore = record.StageWaiting, 0, 0, false, time.Time{}
			if r.Attempt == 0 {
				r.Error = ""
			}
			r.Announced, r.Phase = unfailed(r.Announced, r.Phase), unfailed(r.Phase, "")
			rec.Stages[s.Name] = r
		}
	}
	if from != nil {
		e.reset(rec, from)
		for _, behind := range e.stages {
			if slices.Contains(behind.before, from) && (branch == nil || behind == branch || slices.Contains(branch.before, behind)) {
				e.reset(rec, behind)
			}
		}
	}
	if rec.State != status.JobDone || !onlyShadows(rec) {
		rec.State, rec.Reason, rec.Finished = status.JobWaiting, "", time.Time{}
		rec.Phase = unfailed(rec.Phase, "")
	}
	e.fit(rec)
	if rec.Origin == record.Selected {
		rec.Origin = record.Added // the operator wants it, whatever its age
	}
	if !slices.Contains(t.jobs, rec) {
		t.add(rec)
	}
	t.done(func() {
		for _, s := range e.stages {
			s.breaker = breaker{}
			s.pause.until = time.Time{}
		}
	})
	return t.commitOnce()
}

// unfailed is an announced phase without the failure that ended it.
func unfailed(announced, reached contract.EventKind) contract.EventKind {
	if announced == contract.EventFailed {
		return reached
	}
	return announced
}

// onlyShadows reports whether only shadows of the job have work left.
func onlyShadows(rec *record.Job) bool {
	for _, r := range rec.Stages {
		if !r.Shadow && r.State.Open() {
			return false
		}
	}
	return true
}

func (e *Engine) optional(name string) (*stage, error) {
	if name == "" {
		return nil, nil
	}
	return e.stageNamed(name)
}
