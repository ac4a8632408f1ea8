package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// attempt runs a claimed job through its stage and records how it ended. It calls
// run.releaseSlot when the plugin can take the next attempt, and again at its end.
func (e *Engine) attempt(work context.Context, run *attempt) {
	defer run.releaseSlot()
	defer run.cancel(nil)
	e.mu.Lock()
	rec := run.job.rec
	e.mu.Unlock()
	log := e.log.With("stage", run.stage.Name, "block", rec.Block.Number, "job", rec.ID, "attempt", run.number)

	result, err := e.do(run, rec)

	// A stage is taken from its attempt only in a transition, so its owner cannot change
	// from here on. The outcome is recorded even while the host stops: commit tries at
	// least once.
	t, failed := e.begin(context.WithoutCancel(work))
	if failed != nil {
		return
	}
	defer e.write.release()
	if !e.owns(run) {
		log.Info("attempt cut off", "cause", context.Cause(run.ctx))
		return
	}
	if err == nil {
		log.Debug("stage done", "took", t.now.Sub(run.since))
		err = e.succeed(work, t, run, result)
	} else {
		err = e.fail(work, t, run, err)
	}
	if err != nil {
		log.Error("the outcome of the attempt could not be recorded; it is made again after a restart", "error", err)
	}
}

// owns reports whether the attempt may still change its stage of the job's record.
func (e *Engine) owns(run *attempt) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return run.job.attempts[run.stage] == run
}

// do makes the attempt and returns its result with accepted outputs.
func (e *Engine) do(run *attempt, rec *record.Job) (result contract.Result, err error) {
	s, ctx := run.stage, run.ctx
	inputs, facts := artifacts(rec, s)
	dir, linked, err := e.files.Attempt(rec.ID, s.Name, run.number, inputs)
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
	r := rec.Stages[s.Name]
	if r.Stale != "" {
		for name, value := range r.Facts {
			facts[name] = value
		}
		facts[contract.FactStale] = r.Stale
	}
	task := contract.Task{
		Pipeline: e.cfg.Pipeline, Stage: s.Name, Job: rec.ID, Attempt: run.number,
		Block: rec.Block, Dir: dir, Inputs: linked, Facts: facts,
	}
	digest := inputsDigest(rec, s)
	if resume := r.Resume; resume != nil && resume.Fingerprint == run.fingerprint && resume.Inputs == digest {
		task.ResumeToken = resume.Token
	}
	if timeout := s.tuning().Timeout; timeout > 0 {
		task.Deadline = e.clock.Now().Add(timeout)
		timed, cancel := e.clock.WithDeadline(ctx, task.Deadline, fmt.Errorf("%w of %s", errTimeout, timeout))
		defer cancel()
		ctx = timed
	}
	sink := func(event contract.WorkEvent) error { return e.event(ctx, run, digest, event) }
	result, err = s.Worker.Do(ctx, task, sink)
	if err != nil {
		return result, e.failure(ctx, dir, linked, timedOut(ctx, err))
	}
	failpoint.Hit(failpoint.Answered)
	run.releaseSlot()
	var durable func() error
	if result.Outputs, durable, err = e.files.Accept(dir, result.Outputs); err != nil {
		return result, fmt.Errorf("the plugin's result is not what is on disk: %w", err)
	}
	defer func() { // files are synced during the verification; do returns when both are over
		if failed := durable(); err == nil {
			err = failed
		}
	}()
	failpoint.Hit(failpoint.Accepted)
	if s.Verify {
		e.mu.Lock()
		run.progress = contract.Progress{Phase: phaseVerifying, Fraction: -1}
		e.mu.Unlock()
		if err := e.verify(ctx, s, task, result, sink); err != nil {
			return result, e.failure(ctx, dir, linked, timedOut(ctx, err))
		}
	}
	return result, nil
}

// failure returns the error to record for an attempt that has failed with err. It is an
// artifact.LostError when an input differs from the artifact that was accepted, because
// then the input is at fault, whatever the plugin reports.
func (e *Engine) failure(ctx context.Context, dir string, linked []contract.Artifact, err error) error {
	if context.Cause(ctx) != nil && !errors.Is(context.Cause(ctx), errTimeout) {
		return err // the engine has cancelled the attempt
	}
	if changed := e.files.Intact(dir, linked); changed != nil {
		return fmt.Errorf("%w; the attempt ended with: %v", changed, err)
	}
	return err
}

// timedOut returns err, or a retryable error when the deadline of the attempt has
// passed.
func timedOut(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTimeout) {
		return contract.Retryable(cause)
	}
	return err
}

// phaseVerifying is the phase that is shown while the proof of an attempt is verified.
// Another attempt may run in its slot meanwhile.
const phaseVerifying = "verifying"

// verify lets the prover check the accepted proof. While the environment is at fault
// it tries again, in pauses of the stage, until ctx ends.
func (e *Engine) verify(ctx context.Context, s *stage, task contract.Task, result contract.Result, sink func(contract.WorkEvent) error) error {
	verifier, ok := s.Worker.(Verifier)
	if !ok {
		return nil
	}
	for _, output := range result.Outputs {
		output.Path = "out/" + output.Name
		task.Inputs = append(task.Inputs, output)
	}
	err := verifier.Verify(ctx, task, sink)
	for contract.ClassOf(err) == contract.ClassEnvironment && err != nil && ctx.Err() == nil {
		// The proof exists, so it waits for the machine and is not made again.
		e.mu.Lock()
		e.paused(s, &s.pause, fmt.Errorf("the proof of block %d waits to be verified: %w", task.Block.Number, err), e.clock.Now())
		wait := s.pause.until.Sub(e.clock.Now())
		e.mu.Unlock()
		e.clock.Wait(ctx, wait, nil)
		err = verifier.Verify(ctx, task, sink)
	}
	if err != nil && contract.ClassOf(err) == contract.ClassPermanent {
		return fmt.Errorf("the proof does not verify: %w", err)
	}
	if err != nil {
		return fmt.Errorf("the proof could not be verified: %w", err)
	}
	return nil
}

// event handles one message of a running attempt. The next message is read after it
// has returned.
func (e *Engine) event(ctx context.Context, run *attempt, digest string, event contract.WorkEvent) error {
	switch {
	case event.Progress != nil:
		return e.progress(ctx, run, *event.Progress)
	case event.Resume != nil:
		return e.saveResume(ctx, run, digest, event.Resume)
	}
	return nil
}

// maxNote is the longest note of an attempt's progress, in bytes.
const maxNote = 256

// progress keeps the progress of an attempt for the snapshot. For a proof stage it
// also records the first time that the phase queued or proving is reached.
func (e *Engine) progress(ctx context.Context, run *attempt, p contract.Progress) error {
	switch p.Phase {
	case "":
		return nil // a heartbeat
	case contract.PhaseCollecting:
		run.releaseSlot()
	}
	phase := contract.EventProving
	if p.Phase == contract.PhaseAccepted {
		phase = contract.EventQueued
	}
	p.Phase, p.Note = record.BoundText(p.Phase, record.MaxFactName), record.BoundText(p.Note, maxNote)
	e.mu.Lock()
	run.progress = p
	reached := run.job.rec.Stages[run.stage.Name].Phase
	e.mu.Unlock()
	if !run.stage.MakesProof || record.Rank(reached) >= record.Rank(phase) {
		return nil
	}
	return e.change(ctx, run, failpoint.Progressed, func(r *record.Stage) { r.Phase = phase })
}

// saveResume stores the token with which the next attempt can resume work that goes on
// in another service. An empty token removes the stored one.
func (e *Engine) saveResume(ctx context.Context, run *attempt, digest string, token []byte) error {
	return e.change(ctx, run, failpoint.Resumable, func(r *record.Stage) {
		r.Resume = nil
		if len(token) > 0 {
			r.Resume = &record.Resume{Token: token, Fingerprint: run.fingerprint, Inputs: digest}
		}
	})
}

// change edits the stage of a running attempt and commits the record. It returns the
// cause of ctx's end, or errNotOwned, when the attempt does not own its stage any more.
func (e *Engine) change(ctx context.Context, run *attempt, point string, edit func(*record.Stage)) error {
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	if !e.owns(run) {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return errNotOwned
	}
	rec := t.edit(run.job)
	r := rec.Stages[run.stage.Name]
	edit(&r)
	rec.Stages[run.stage.Name] = r
	err = t.commit(ctx)
	failpoint.Hit(point)
	return err
}
