package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// attempt runs a claimed job through its stage and records how it ended. Only
// this goroutine changes the job while it runs.
func (e *Engine) attempt(work context.Context, s *stage, a *active) {
	ctx, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	e.mu.Lock()
	a.cancel = cancel
	rec := a.rec
	e.mu.Unlock()
	log := e.log.With("stage", s.Name, "block", rec.Block.Number, "job", rec.ID, "attempt", a.attempt)

	result, err := e.do(ctx, s, a, rec)

	// Whoever cancels a job does so under write, so that from here on the cause
	// is final.
	e.write.Lock()
	defer e.write.Unlock()
	e.mu.Lock()
	a.cancel = nil
	e.mu.Unlock()
	switch cause := context.Cause(ctx); {
	case !e.owned(a):
		log.Info("attempt cut off", "cause", cause)
		err = nil
	case err == nil:
		log.Debug("stage done", "took", time.Since(a.since))
		err = e.succeed(work, s, a, result)
	default:
		err = e.fail(work, s, a, err, cause)
	}
	if err != nil {
		log.Error("the outcome of the attempt could not be recorded; it is made again after a restart", "error", err)
	}
}

// owned reports whether the job is still there for its attempt to change: it was
// not cancelled meanwhile. Engine.write must be held.
func (e *Engine) owned(a *active) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.jobs[a.rec.ID] == a
}

// do makes the attempt and returns its result with accepted outputs.
func (e *Engine) do(ctx context.Context, s *stage, a *active, rec *job.Job) (result contract.Result, err error) {
	inputs, facts := e.artifacts(rec, s)
	dir, linked, err := e.files.Attempt(rec.ID, s.Name, a.attempt, inputs)
	if err != nil {
		return contract.Result{}, err
	}
	defer func() {
		worker, ok := s.Worker.(LogKeeper)
		if err == nil || !ok {
			return
		}
		if failed := worker.KeepLog(dir); failed != nil {
			e.log.Debug("the log of a failed attempt could not be kept", "stage", s.Name, "job", rec.ID, "error", failed)
		}
	}()
	task := contract.Task{
		Pipeline: e.cfg.Pipeline, Stage: s.Name, Job: rec.ID, Attempt: a.attempt,
		Block: rec.Block, Dir: dir, Inputs: linked, Facts: facts,
	}
	if resume := rec.Stages[s.Name].Resume; resume != nil && resume.Fingerprint == s.Fingerprint && resume.Inputs == job.InputsDigest(inputs) {
		task.ResumeToken = resume.Token
	}
	if s.Timeout > 0 {
		task.Deadline = time.Now().Add(s.Timeout)
		timed, cancel := context.WithDeadlineCause(ctx, task.Deadline, fmt.Errorf("%w of %s", errTimeout, s.Timeout))
		defer cancel()
		ctx = timed
	}
	result, err = s.Worker.Do(ctx, task, func(event contract.WorkEvent) error { return e.event(ctx, s, a, inputs, dir, event) })
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errTimeout) {
			return result, contract.Retryable(cause)
		}
		return result, err
	}
	failpoint.Hit(failpoint.Answered)
	if result.Outputs, err = e.files.Accept(dir, result.Outputs); err != nil {
		return result, fmt.Errorf("the plugin's result is not what is on disk: %w", err)
	}
	failpoint.Hit(failpoint.Accepted)
	if s.Verify {
		if err := e.verify(ctx, s, task, result); err != nil {
			return result, err
		}
	}
	if s.Kind == contract.KindProver {
		if err := e.files.Publish(rec.Block.Number, result.Outputs); err != nil {
			return result, err
		}
		failpoint.Hit(failpoint.Published)
	}
	return result, nil
}

// verify lets the prover check the accepted proof.
func (e *Engine) verify(ctx context.Context, s *stage, task contract.Task, result contract.Result) error {
	verifier, ok := s.Worker.(Verifier)
	if !ok {
		return nil
	}
	for _, output := range result.Outputs {
		output.Path = "out/" + output.Name
		task.Inputs = append(task.Inputs, output)
	}
	if err := verifier.Verify(ctx, task); err != nil {
		return fmt.Errorf("the proof does not verify: %w", err)
	}
	return nil
}

// event deals with one message of a running attempt, before the next is read.
func (e *Engine) event(ctx context.Context, s *stage, a *active, inputs []contract.Artifact, dir string, event contract.WorkEvent) error {
	switch {
	case event.Progress != nil:
		return e.progress(ctx, s, a, *event.Progress)
	case event.Resume != nil:
		return e.saveResume(ctx, s, a, inputs, event.Resume)
	case event.Publish != nil:
		accepted, err := e.files.Accept(dir, []contract.Artifact{*event.Publish})
		if err != nil {
			return err
		}
		return e.files.Publish(a.rec.Block.Number, accepted)
	}
	return nil
}

func (e *Engine) progress(ctx context.Context, s *stage, a *active, p contract.Progress) error {
	if p.Phase == "" {
		return nil // a heartbeat
	}
	e.mu.Lock()
	a.progress = p
	rec := a.rec
	e.mu.Unlock()
	if !s.MakesProof || job.Rank(rec.Announced) >= job.Rank(contract.EventProving) {
		return nil
	}
	e.write.Lock()
	defer e.write.Unlock()
	if !e.owned(a) {
		return context.Cause(ctx)
	}
	next := a.rec.Clone()
	next.Announced = contract.EventProving
	err := e.commit(ctx, job.Change{
		Jobs:   []*job.Job{next},
		Events: e.events(next, s, contract.EventProving, nil, nil, time.Now()),
	}, nil)
	failpoint.Hit(failpoint.Progressed)
	return err
}

func (e *Engine) saveResume(ctx context.Context, s *stage, a *active, inputs []contract.Artifact, token []byte) error {
	e.write.Lock()
	defer e.write.Unlock()
	if !e.owned(a) {
		return context.Cause(ctx)
	}
	next := a.rec.Clone()
	r := next.Stages[s.Name]
	r.Resume = nil
	if len(token) > 0 {
		r.Resume = &job.Resume{Token: token, Fingerprint: s.Fingerprint, Inputs: job.InputsDigest(inputs)}
	}
	next.Stages[s.Name] = r
	err := e.commit(ctx, job.Change{Jobs: []*job.Job{next}}, nil)
	failpoint.Hit(failpoint.Resumable)
	return err
}

// succeed records a result: the stage is done, and the job waits for the next
// one or is through. Engine.write must be held.
func (e *Engine) succeed(ctx context.Context, s *stage, a *active, result contract.Result) error {
	now := time.Now()
	rec := a.rec.Clone()
	r := rec.Stages[s.Name]
	r.Done, r.Ended, r.WorkTime = true, now, result.WorkTime
	r.Outputs, r.Facts, r.Error, r.Resume = result.Outputs, result.Facts, "", nil
	rec.Stages[s.Name] = r
	describe(&rec.Block, result.Facts)
	change := job.Change{Jobs: []*job.Job{rec}}
	if next := e.next(rec); next != nil {
		rec.State, rec.Stage = status.JobWaiting, next.Name
	} else {
		rec.State, rec.Stage, rec.Finished = status.JobDone, "", now
	}
	if s.MakesProof {
		rec.Announced, rec.ProvingMS = contract.EventProved, e.provingMS(rec, s)
		facts := map[string]string{contract.FactProvingTimeMS: strconv.FormatInt(rec.ProvingMS, 10)}
		change.Events = e.events(rec, s, contract.EventProved, result.Outputs, facts, now)
	}
	if rec.State == status.JobDone && !e.makesProof() {
		rec.Announced = contract.EventChecked
		change.Events = append(change.Events, e.events(rec, s, contract.EventChecked, result.Outputs, nil, now)...)
	}
	err := e.commit(ctx, change, func() {
		s.processed++
		e.resume(s, &s.pause)
	})
	if err != nil {
		return err
	}
	failpoint.Hit(failpoint.Recorded)
	if err := e.files.Trim(rec.ID, s.Name, r.Attempt); err != nil {
		e.log.Warn("old attempts could not be removed", "stage", s.Name, "job", rec.ID, "error", err)
	}
	return nil
}

// fail records why an attempt ended without a result. Engine.write must be held.
func (e *Engine) fail(ctx context.Context, s *stage, a *active, err, cause error) error {
	now := time.Now()
	rec := a.rec.Clone()
	r := rec.Stages[s.Name]
	r.Ended, r.Error = now, err.Error()
	rec.State = status.JobWaiting
	change := job.Change{Jobs: []*job.Job{rec}}
	var apply func()

	missing, isMissing := errors.AsType[*artifact.MissingError](err)
	class := contract.ClassOf(err)
	switch {
	case errors.Is(cause, errStopping) || ctx.Err() != nil && class != contract.ClassPermanent:
		r.Error = "" // nobody's fault
	case isMissing:
		if !e.redo(rec, missing.Artifact.Name, s) {
			e.giveUp(rec, s, &r, &change, err, err.Error(), now)
		}
	case class == contract.ClassEnvironment:
		apply = func() { e.pause(s, &s.pause, err, now) }
	case class == contract.ClassInterrupted:
		if r.Crashes++; r.Crashes >= poisonAfter {
			e.giveUp(rec, s, &r, &change, err, fmt.Sprintf("its plugin died %d times at this block", r.Crashes), now)
		}
	case class == contract.ClassPermanent:
		r.Resume = nil
		e.giveUp(rec, s, &r, &change, err, err.Error(), now)
	default:
		r.Failures++
		apply = func() { s.failed++ }
		if r.Failures > s.Retries {
			reason := err.Error()
			if s.Retries > 0 {
				reason = fmt.Sprintf("%s, %d attempts: %v", s.Name, r.Failures, err)
			}
			e.giveUp(rec, s, &r, &change, err, reason, now)
		} else {
			rec.NotBefore = now.Add(backoff(s.Backoff, r.Failures, err))
			if failure, ok := errors.AsType[*contract.Error](err); ok {
				for _, name := range failure.Stale {
					e.redo(rec, name, s)
				}
			}
		}
	}
	if rec.State == status.JobFailed {
		apply = func() { s.failed++ }
	}
	rec.Stages[s.Name] = r
	level := e.log.Warn
	if errors.Is(cause, errStopping) {
		level = e.log.Info
	}
	level("attempt ended without a result", "stage", s.Name, "block", rec.Block.Number, "attempt", r.Attempt,
		"class", class, "job_state", rec.State, "error", err)
	err = e.commit(ctx, change, apply)
	failpoint.Hit(failpoint.Failed)
	return err
}

// poisonAfter is how many deaths of a plugin at the same block make the block
// the suspect.
const poisonAfter = 3

// giveUp moves the job to the failed ones.
func (e *Engine) giveUp(rec *job.Job, s *stage, r *job.Stage, change *job.Change, err error, reason string, now time.Time) {
	r.Resume = nil
	rec.State, rec.Reason, rec.Finished = status.JobFailed, reason, now
	change.Events = e.events(rec, s, contract.EventFailed, nil, map[string]string{
		contract.FactReason:   reason,
		contract.FactError:    err.Error(),
		contract.FactClass:    string(contract.ClassOf(err)),
		contract.FactAttempts: fmt.Sprint(r.Attempt),
	}, now)
}

// redo sends the job back to the stage before s that makes the artifact. It
// reports false where there is none, or where the artifact was given.
func (e *Engine) redo(rec *job.Job, name string, s *stage) bool {
	for i := s.index - 1; i >= 0; i-- {
		r := rec.Stages[e.stages[i].Name]
		for _, a := range r.Outputs {
			if a.Name != name {
				continue
			}
			if r.Skipped {
				return false
			}
			for _, again := range e.stages[i:s.index] {
				rec.Stages[again.Name] = job.Stage{Attempt: rec.Stages[again.Name].Attempt}
			}
			rec.Stage = e.stages[i].Name
			return true
		}
	}
	return false
}
