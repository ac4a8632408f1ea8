package engine

import (
	"context"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// transition is one change of state while it is made: records are edited, then
// committed together with what follows from them. Engine.write is held from its
// beginning to its end.
type transition struct {
	e      *Engine
	now    time.Time
	jobs   []*record.Job // edited, in order
	change record.Change
	apply  []func() // under Engine.mu, once the change is on disk
	causes map[string]error
}

// begin takes Engine.write for a transition; the caller releases it.
func (e *Engine) begin(ctx context.Context) (*transition, error) {
	if err := e.write.take(ctx); err != nil {
		return nil, err
	}
	return &transition{e: e, now: e.clock.Now(), causes: map[string]error{}}, nil
}

// edit returns the record of an open job to be changed.
func (t *transition) edit(a *active) *record.Job {
	for _, rec := range t.jobs {
		if rec.ID == a.rec.ID {
			return rec
		}
	}
	rec := a.rec.Clone()
	t.add(rec)
	return rec
}

// add takes a record into the change. It must not be one that others hold.
func (t *transition) add(rec *record.Job) { t.jobs = append(t.jobs, rec) }

// done is called under Engine.mu once the change is on disk.
func (t *transition) done(apply func()) { t.apply = append(t.apply, apply) }

// stop ends a job as a whole; what runs of it is cut off for that cause.
func (t *transition) stop(rec *record.Job, state status.JobState, cause error) {
	rec.Stop(state, cause.Error(), t.now)
	t.causes[rec.ID] = cause
	t.change.Unsend = append(t.change.Unsend, rec.ID)
}

// commit makes the change durable and then visible. It tries until it succeeds or
// ctx ends, but once at least: while the checkpoint cannot be written nothing may
// go on. An operator's command is tried once, see commitOnce.
func (t *transition) commit(ctx context.Context) error {
	t.settle()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := t.write()
		if err == nil {
			return nil
		}
		t.e.clock.Wait(ctx, wait, nil)
		if ctx.Err() != nil {
			return err
		}
	}
}

// commitOnce makes the change durable and visible, or fails at once.
func (t *transition) commitOnce() error {
	t.settle()
	return t.write()
}

// settle works out what follows from the edited records.
func (t *transition) settle() {
	for _, rec := range t.jobs {
		t.change.Events = append(t.change.Events, t.e.follow(rec, t.now)...)
	}
	t.change.Jobs = append(t.change.Jobs, t.jobs...)
	t.jobs = nil
}

func (t *transition) write() error {
	e := t.e
	err := e.store.Commit(t.change)
	e.mu.Lock()
	if err != nil {
		if e.trouble == "" {
			e.log.Error("the checkpoint cannot be written: nothing goes on until it can", "error", err)
		}
		e.trouble = err.Error()
		e.mu.Unlock()
		return err
	}
	if e.trouble != "" {
		e.log.Info("the checkpoint can be written again")
	}
	e.trouble = ""
	var cut []func()
	for _, apply := range t.apply {
		apply()
	}
	for _, rec := range t.change.Jobs {
		cut = append(cut, e.put(rec, t.causes[rec.ID], t.now)...)
	}
	e.broadcast()
	e.mu.Unlock()
	for _, cancel := range cut {
		cancel()
	}
	if len(t.change.Events) > 0 && e.cfg.Announced != nil {
		e.cfg.Announced()
	}
	return nil
}

// put takes a committed record into the memory image. It returns how to cut off
// the attempts that do not own their stage any more. Engine.mu must be held.
func (e *Engine) put(rec *record.Job, cause error, now time.Time) (cut []func()) {
	a, known := e.jobs[rec.ID]
	var before status.JobState
	if known {
		before = a.rec.State
	} else {
		a = &active{attempts: map[*stage]*attempt{}}
		if before = e.forgetRecent(rec.ID); before == "" && rec.State.Finished() {
			before = rec.State // it ended long ago
		}
	}
	a.rec = rec
	if rec.Open() {
		e.jobs[rec.ID] = a
	} else {
		delete(e.jobs, rec.ID)
	}
	for s, run := range a.attempts {
		r := rec.Stages[s.Name]
		if r.State == record.StageRunning && r.Attempt == run.number {
			continue
		}
		why := cause
		if why == nil {
			why = errRedone
			if r.State == record.StageBlocked {
				why = errRefused
			}
		}
		delete(a.attempts, s)
		delete(s.running, rec.ID)
		cut = append(cut, func() { run.cancel(why) })
	}
	e.index(a, now)
	if rec.State.Finished() {
		e.remember(rec, before)
	}
	return cut
}

// index brings the queues up to date with a job. Engine.mu must be held.
func (e *Engine) index(a *active, now time.Time) {
	for _, s := range e.stages {
		if r := a.rec.Stages[s.Name]; r.State == record.StageWaiting && e.begins(a.rec, s) {
			s.queue.put(entryOf(a, r, now), now)
		} else {
			s.queue.remove(a.rec.ID)
		}
	}
	e.byAge.put(a)
	if a.rec.Aside || e.publishable(a.rec) {
		e.publishing[a.rec.ID] = true
	} else {
		delete(e.publishing, a.rec.ID)
	}
}

// begins reports whether everything is there that a waiting stage begins with. A
// shadow waits, beyond that, until every proof stage that is none has its turn
// behind it or was begun.
func (e *Engine) begins(rec *record.Job, s *stage) bool {
	if !complete(rec, s.needs) {
		return false
	}
	if !s.Shadow {
		return true
	}
	proofs := e.makesProof()
	for _, main := range e.stages {
		if !main.Shadow && (main.MakesProof || !proofs) && rec.Stages[main.Name].State == record.StageWaiting {
			return false
		}
	}
	return true
}

// remember takes a finished job into the recent ones and counts its end, once.
// Engine.mu must be held.
func (e *Engine) remember(rec *record.Job, before status.JobState) {
	if i := slices.IndexFunc(e.recent, func(old *record.Job) bool { return old.ID == rec.ID }); i >= 0 {
		e.recent[i] = rec // it goes on for its shadows, or was tried again while they worked
	} else {
		e.recent = append(e.recent, rec)
	}
	if len(e.recent) > keptRecent {
		e.recent = append([]*record.Job(nil), e.recent[len(e.recent)-keptRecent:]...)
	}
	if before.Finished() {
		return
	}
	switch rec.State {
	case status.JobDone:
		e.counts.Done++
	case status.JobFailed:
		e.counts.Failed++
	case status.JobDropped:
		e.counts.Dropped++
	case status.JobCancelled:
		e.counts.Cancelled++
	}
	e.settlePermit(rec)
}

// forgetRecent takes a job out of the recent ones and returns the state that it
// had there; empty where it was not there. Engine.mu must be held.
func (e *Engine) forgetRecent(id string) status.JobState {
	for i, old := range e.recent {
		if old.ID == id {
			e.recent = append(e.recent[:i:i], e.recent[i+1:]...)
			return old.State
		}
	}
	return ""
}

// settlePermit counts a finished job against the limit, or gives the place of a
// cancelled one to another. Engine.mu must be held.
func (e *Engine) settlePermit(rec *record.Job) {
	switch {
	case e.cfg.Limit == 0:
	case rec.State != status.JobDone && rec.State != status.JobFailed:
		delete(e.permits, rec.ID)
	case len(e.finished) < e.cfg.Limit:
		if e.finished = append(e.finished, rec); len(e.finished) == e.cfg.Limit {
			e.end()
		}
	}
}
