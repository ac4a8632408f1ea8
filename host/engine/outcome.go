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

// poisonAfter is how many deaths of a plugin with one block alone in it make the
// block the culprit. A plugin that dies with several blocks in it makes each a
// suspect only: suspects are tried alone.
const poisonAfter = 3

// minRemakes is how often an input that has vanished is made again for a stage at
// least, whatever it allows of other failures.
const minRemakes = 2

// succeed records the result of an attempt.
func (e *Engine) succeed(ctx context.Context, t *transition, run *attempt, result contract.Result) error {
	s := run.stage
	rec := t.edit(run.job)
	old := rec.Stages[s.Name]
	r := record.Stage{
		State: record.StageDone, Shadow: old.Shadow, Fingerprint: run.made, Inputs: inputsDigest(rec, s),
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
	describe(&rec.Block, result.Facts)
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
	if s.MakesProof && e.beside(rec, s, record.StageWaiting, record.StageRunning) {
		failpoint.Hit(failpoint.RecordedBeside)
	}
	if err := e.files.Trim(rec.ID, s.Name, r.Attempt); err != nil {
		e.log.Warn("old attempts could not be removed", "stage", s.Name, "job", rec.ID, "error", err)
	}
	return nil
}

// fail records why an attempt ended without a result. Who is to blame decides what
// follows: nobody (the host stops), the machine (the stage pauses and the block
// waits), an input (its maker runs again), the plugin (it died), or the block.
func (e *Engine) fail(ctx context.Context, t *transition, run *attempt, err error) error {
	s, cause := run.stage, context.Cause(run.ctx)
	rec := t.edit(run.job)
	r := rec.Stages[s.Name]
	class := contract.ClassOf(err)
	r.State, r.Ended, r.Error, r.Class, r.Remedy = record.StageWaiting, t.now, record.BoundText(err.Error(), record.MaxText), class, remedy(err)
	lost, isLost := errors.AsType[*artifact.LostError](err)
	level := e.log.Warn
	switch {
	case errors.Is(cause, errStopping), ctx.Err() != nil && class != contract.ClassPermanent:
		r.Error, r.Class, r.Remedy = "", "", "" // nobody's fault
		level = e.log.Info
	case isLost:
		if r.Failures++; r.Failures > max(s.tuning().Retries, minRemakes) {
			r = e.giveUp(t, rec, s, r, err, attempts(s, r.Failures, r.Error))
			break
		}
		r = e.again(t, rec, s, r, lost.Artifact.Name, err, "")
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
			r = e.giveUp(t, rec, s, r, err, attempts(s, r.Failures, r.Error))
		case len(stale) > 0:
			for _, name := range stale {
				r = e.again(t, rec, s, r, name, err, r.Error)
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
	if r.State == record.StageFailed && !s.MakesProof && e.beside(rec, s, record.StageDone) {
		failpoint.Hit(failpoint.RefusedBeside)
	}
	return failed
}

// attempts words that a stage has tried often enough.
func attempts(s *stage, failures int, reason string) string {
	if s.tuning().Retries == 0 {
		return reason
	}
	return fmt.Sprintf("%s, %d attempts: %s", s.Name, failures, reason)
}

func remedy(err error) string {
	if c, ok := errors.AsType[*contract.Error](err); ok {
		return c.Remedy
	}
	return ""
}

func staleInputs(err error) []string {
	if c, ok := errors.AsType[*contract.Error](err); ok {
		return c.Stale
	}
	return nil
}

// died deals with the death of a plugin during an attempt.
func (e *Engine) died(t *transition, rec *record.Job, run *attempt, r record.Stage) record.Stage {
	s := run.stage
	e.mu.Lock()
	company := run.company || len(s.running) > 1
	for _, other := range s.running { // their ends are recorded one after the other
		other.company = company
	}
	e.mu.Unlock()
	if company {
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

// giveUp makes the stage fail for the block, unless several blocks in a row have
// failed alike: then the fault is taken for one of the machine or of the file, and
// the stage pauses.
func (e *Engine) giveUp(t *transition, rec *record.Job, s *stage, r record.Stage, err error, reason string) record.Stage {
	next, open := e.judge(s, rec.ID, reason)
	if open {
		trouble := next.error()
		r.NotBefore = t.now.Add(after(trouble) + time.Second) // others are tried before it
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

// again has the maker of an input run once more, because the input is missing or
// wrong, and lets every stage behind it look again. It returns the record of the
// stage s that complains. An input that nobody can make again makes s fail.
func (e *Engine) again(t *transition, rec *record.Job, s *stage, r record.Stage, name string, err error, complaint string) record.Stage {
	maker := e.maker(rec, s, name)
	if maker == nil {
		return e.giveUp(t, rec, s, r, err, r.Error)
	}
	m := rec.Stages[maker.Name]
	if m.State != record.StageDone {
		return r // somebody has asked for it before
	}
	next := m.Again()
	next.NotBefore = t.now.Add(e.nextTry(s.tuning().Backoff, r.Failures, err))
	if complaint != "" {
		next.Stale, next.Facts = record.BoundText(complaint, record.MaxFactValue), m.Facts
	}
	rec.Stages[maker.Name] = next
	e.reconsider(rec, maker)
	return r
}

// maker returns the stage before s that made the artifact which s works on; nil
// where there is none, or where the operator gave it.
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
