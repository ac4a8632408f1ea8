package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// poisonAfter is the number of times that a plugin may die while it works on one block
// alone; then the block fails. When a plugin dies with several blocks at work, each of
// them becomes a suspect, and suspects run alone.
const poisonAfter = 3

// minRemakes is how often a lost input is made again for a stage, even when its
// retries are fewer.
const minRemakes = 2

// succeed records the result of an attempt.
func (e *Engine) succeed(ctx context.Context, t *transition, run *attempt, result contract.Result) error {
	s := run.stage
	rec := t.edit(run.job)
	old := rec.Stages[s.Name]
	r := record.Stage{
		State: record.StageDone, Shadow: old.Shadow, Fingerprint: run.fingerprint, Inputs: inputsDigest(rec, s),
		Attempt: old.Attempt, Started: old.Started, Ended: t.now,
		WorkTime: result.WorkTime, Outputs: result.Outputs, Facts: record.BoundFacts(result.Facts),
		Unpublished: s.Kind == contract.KindProver && len(result.Outputs) > 0,
		Phase:       old.Phase, Announced: old.Announced,
	}
	rec.Stages[s.Name] = r
	if s.MakesProof {
		r.Phase, r.ProvingMS = contract.EventProved, provingMS(rec, s)
		rec.Stages[s.Name] = r
	}
	fillBlock(&rec.Block, result.Facts)
	t.done(func() {
		s.processed++
		s.trusted = true
		s.breaker = breaker{}
		e.resume(s, &s.pause)
	})
	if err := t.commit(ctx); err != nil {
		return err
	}
	failpoint.Hit(failpoint.Recorded)
	if s.MakesProof && e.otherProofIn(rec, s, record.StageWaiting, record.StageRunning) {
		failpoint.Hit(failpoint.RecordedBeside)
	}
	if err := e.files.Trim(rec.ID, s.Name, r.Attempt); err != nil {
		e.log.Warn("old attempts could not be removed", "stage", s.Name, "job", rec.ID, "error", err)
	}
	return nil
}

// fail records why an attempt ended without a result. What happens next depends on the
// cause:
//
//	the host stops          the stage of the job waits for the next run
//	an input is lost        the stage that made it runs again
//	environment             the stage pauses, and the block waits
//	interrupted             the plugin died: see died
//	permanent               the stage fails for the block
//	retryable               another attempt after a back-off, or the stage fails
func (e *Engine) fail(ctx context.Context, t *transition, run *attempt, err error) error {
	s, cause := run.stage, context.Cause(run.ctx)
	rec := t.edit(run.job)
	r := rec.Stages[s.Name]
	class := contract.ClassOf(err)
	r.State, r.Ended, r.Error, r.Class, r.Remedy = record.StageWaiting, t.now, record.BoundText(err.Error(), record.MaxText), class, remedy(err)
	lost, inputLost := errors.AsType[*artifact.LostError](err)
	level := e.log.Warn
	switch {
	case errors.Is(cause, errStopping), ctx.Err() != nil && class != contract.ClassPermanent:
		r.Error, r.Class, r.Remedy = "", "", "" // the host ended the attempt
		level = e.log.Info
	case inputLost:
		if r.Failures++; r.Failures > max(s.tuning().Retries, minRemakes) {
			r = e.giveUp(t, rec, s, r, err, exhausted(s, r.Failures, r.Error))
			break
		}
		r = e.remake(t, rec, s, r, lost.Artifact.Name, err, "")
	case class == contract.ClassEnvironment:
		t.done(func() { e.paused(s, &s.pause, err, t.now) })
	case class == contract.ClassInterrupted:
		r = e.died(t, rec, run, r)
	case class == contract.ClassPermanent:
		r = e.giveUp(t, rec, s, r, err, r.Error)
	default:
		r.Failures++
		t.done(func() { s.failed++ })
		stale := staleInputs(err)
		switch {
		case r.Failures > s.tuning().Retries:
			r = e.giveUp(t, rec, s, r, err, exhausted(s, r.Failures, r.Error))
		case len(stale) > 0:
			for _, name := range stale {
				r = e.remake(t, rec, s, r, name, err, r.Error)
			}
		default:
			r.NotBefore = t.now.Add(e.nextTry(s.tuning().Backoff, r.Failures, err))
		}
	}
	rec.Stages[s.Name] = r
	failed := t.commit(ctx)
	level("attempt ended without a result", "stage", s.Name, "block", rec.Block.Number, "attempt", r.Attempt,
		"class", class, "stage_state", r.State, "error", err)
	failpoint.Hit(failpoint.Failed)
	if r.State == record.StageFailed && !s.MakesProof && e.otherProofIn(rec, s, record.StageDone) {
		failpoint.Hit(failpoint.RefusedBeside)
	}
	return failed
}

// exhausted returns the reason why a stage fails after its last attempt.
func exhausted(s *stage, failures int, reason string) string {
	if s.tuning().Retries == 0 {
		return reason
	}
	return fmt.Sprintf("%s, %d attempts: %s", s.Name, failures, reason)
}

// remedy returns the remedy that a contract.Error names; empty for other errors.
func remedy(err error) string {
	if c, ok := errors.AsType[*contract.Error](err); ok {
		return c.Remedy
	}
	return ""
}

// staleInputs returns the names of the inputs that a contract.Error calls stale.
func staleInputs(err error) []string {
	if c, ok := errors.AsType[*contract.Error](err); ok {
		return c.Stale
	}
	return nil
}

// died returns the record of a stage whose plugin died during the attempt. The block
// becomes a suspect when other attempts ran in the plugin, too; otherwise the death
// counts against the block.
func (e *Engine) died(t *transition, rec *record.Job, run *attempt, r record.Stage) record.Stage {
	s := run.stage
	e.mu.Lock()
	shared := run.shared || len(s.running) > 1
	for _, other := range s.running { // the same death ends them; each is recorded later
		other.shared = shared
	}
	e.mu.Unlock()
	if shared {
		r.Suspect = true
	} else {
		r.Suspect = false
		r.Deaths++
	}
	if r.Deaths >= poisonAfter {
		reason := fmt.Sprintf("its plugin died %d times at this block: %s", r.Deaths, r.Error)
		return e.giveUp(t, rec, s, r, errors.New(reason), reason)
	}
	r.NotBefore = t.now.Add(e.nextTry(s.tuning().Backoff, max(r.Deaths, 1), nil))
	return r
}

// giveUp returns the record of a stage that fails for the block. When several blocks in
// a row have failed for the same reason, the cause is probably the machine or the
// configuration: then the block waits and the stage pauses.
func (e *Engine) giveUp(t *transition, rec *record.Job, s *stage, r record.Stage, err error, reason string) record.Stage {
	next, open := e.judge(s, rec.ID, reason)
	if open {
		trouble := next.error()
		r.NotBefore = t.now.Add(after(trouble) + time.Second) // other blocks are tried first
		t.done(func() {
			s.breaker = next
			e.paused(s, &s.pause, trouble, t.now)
		})
		return r
	}
	t.done(func() { s.breaker = next; s.failed++ })
	r.State, r.Error, r.Resume = record.StageFailed, record.BoundText(reason, record.MaxText), nil
	r.Class = contract.ClassOf(err)
	return r
}

// remake makes the stage run again that made the named input of s, because the input is
// missing or wrong. The stages behind it check their results again. It returns the
// record r of the stage s; s fails when no stage made the input. The complaint, if any,
// is handed to the next attempt of the maker.
func (e *Engine) remake(t *transition, rec *record.Job, s *stage, r record.Stage, name string, err error, complaint string) record.Stage {
	maker := e.maker(rec, s, name)
	if maker == nil {
		return e.giveUp(t, rec, s, r, err, r.Error)
	}
	m := rec.Stages[maker.Name]
	if m.State != record.StageDone {
		return r // the maker runs again already
	}
	next := m.Reset()
	next.NotBefore = t.now.Add(e.nextTry(s.tuning().Backoff, r.Failures, err))
	if complaint != "" {
		next.Stale, next.Facts = record.BoundText(complaint, record.MaxFactValue), m.Facts
	}
	rec.Stages[maker.Name] = next
	e.reconsider(rec, maker)
	return r
}

// maker returns the last stage before s that made the named artifact. It is nil when no
// stage made it, for example because the operator gave it.
func (e *Engine) maker(rec *record.Job, s *stage, name string) (maker *stage) {
	for _, earlier := range s.before {
		r := rec.Stages[earlier.Name]
		for _, a := range r.Outputs {
			if a.Name == name && r.State != record.StageSkipped {
				maker = earlier
			}
		}
	}
	return maker
}
