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

// RetryRequest names the part of a finished job that is done once more.
type RetryRequest struct {
	Job string
	// From is the first stage that is done anew, with every stage behind it. When it is
	// empty only the failed stages are done anew, and the results of the others are used.
	From string
	// Stage limits a retry to this stage and the stages that it needs; empty for all.
	Stage string
}

// Retry queues a finished job again: one that failed, was dropped or cancelled, or a
// part of one that is done. It closes the breakers of all stages and ends their pauses.
func (e *Engine) Retry(ctx context.Context, request RetryRequest) error {
	from, err := e.optionalStage(request.From)
	if err != nil {
		return err
	}
	branch, err := e.optionalStage(request.Stage)
	if err != nil {
		return err
	}
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	known, err := e.store.Job(request.Job)
	if err != nil {
		if errors.Is(err, record.ErrNotFound) {
			err = contract.Permanent(fmt.Errorf("there is no job %s", request.Job))
		}
		return err
	}
	if err := retryable(known, from == nil && branch == nil); err != nil {
		return err
	}
	rec := known.Clone()
	e.mu.Lock()
	if a := e.jobs[request.Job]; a != nil { // a shadow stage still works on it
		rec = t.edit(a)
	}
	e.mu.Unlock()
	e.requeue(rec, known, branch)
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

// retryable returns an error when a job cannot be queued again. allStages is true when the
// request names no stage.
func retryable(known *record.Job, allStages bool) error {
	switch {
	case known.Orphaned:
		return contract.Permanent(fmt.Errorf("job %s is of a block that is not on the chain any more", known.ID))
	case !known.State.Finished():
		return contract.Permanent(fmt.Errorf("job %s is %s: only what has ended can be tried again", known.ID, known.State))
	case known.State == status.JobDone && allStages:
		return contract.Permanent(fmt.Errorf("job %s is done: name the stage with --from to do a part of it again", known.ID))
	}
	return nil
}

// requeue makes the failed, blocked and cancelled stages of rec wait again. A proof that is
// done but was refused by a gate is announced and published if the gate succeeds now. With
// a branch this applies only to that stage and the stages that it depends on. known is the
// record before the retry.
func (e *Engine) requeue(rec, known *record.Job, branch *stage) {
	for _, s := range e.stages {
		r, exists := rec.Stages[s.Name]
		if !exists || branch != nil && s != branch && !slices.Contains(branch.before, s) && !slices.Contains(branch.confirm, s) {
			continue
		}
		if r.State == record.StageDone && anyFailed(known, s.confirm) { // its files were not published
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
}

// unfailed returns reached instead of an announced failure, and any other announced
// phase as it is.
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

// optionalStage finds a working stage. It returns nil for an empty name.
func (e *Engine) optionalStage(name string) (*stage, error) {
	if name == "" {
		return nil, nil
	}
	return e.stageNamed(name)
}
