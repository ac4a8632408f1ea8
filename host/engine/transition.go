package engine

import (
	"context"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// transition is one change of the engine's state. Records are edited and then committed
// together with everything that follows from them. Engine.write is held from begin until
// after the commit.
type transition struct {
	e      *Engine
	now    time.Time
	jobs   []*record.Job    // the edited records, in order
	change record.Change    // what is committed
	apply  []func()         // called under Engine.mu after the commit
	causes map[string]error // why jobs were stopped, by id
}

// begin takes Engine.write for a transition; the caller releases it.
func (e *Engine) begin(ctx context.Context) (*transition, error) {
	if err := e.write.take(ctx); err != nil {
		return nil, err
	}
	return &transition{e: e, now: e.clock.Now(), causes: map[string]error{}}, nil
}

// edit returns the record of an open job for changes. Calls for the same job return the
// same record.
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

// add adds a record to the change. No other goroutine may hold the record.
func (t *transition) add(rec *record.Job) { t.jobs = append(t.jobs, rec) }

// done registers a function that is called under Engine.mu after the commit.
func (t *transition) done(apply func()) { t.apply = append(t.apply, apply) }

// stop drops or cancels a job. The commit cancels its running attempts with the cause
// and withdraws its unsent events.
func (t *transition) stop(rec *record.Job, state status.JobState, cause error) {
	rec.Stop(state, cause.Error(), t.now)
	t.causes[rec.ID] = cause
	t.change.Unsend = append(t.change.Unsend, rec.ID)
}

// commit makes the change durable and then visible. It tries at least once, and again
// until it succeeds or ctx ends, because no work may go on while the checkpoint cannot
// be written. Commands of the operator use commitOnce.
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

// settle moves the edited records to the change and adds the events that follow from
// them.
func (t *transition) settle() {
	for _, rec := range t.jobs {
		t.change.Events = append(t.change.Events, t.e.follow(rec, t.now)...)
	}
	t.change.Jobs = append(t.change.Jobs, t.jobs...)
	t.jobs = nil
}

// write commits the change and applies it to the memory image.
func (t *transition) write() error {
	e := t.e
	err := e.store.Commit(t.change)
	e.mu.Lock()
	if err != nil {
		if e.commitError == "" {
			e.log.Error("the checkpoint cannot be written: nothing goes on until it can", "error", err)
		}
		e.commitError = err.Error()
		e.mu.Unlock()
		return err
	}
	if e.commitError != "" {
		e.log.Info("the checkpoint can be written again")
	}
	e.commitError = ""
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

// put takes a committed record into the memory image. It returns functions that cancel
// the attempts that do not own their stage any more, to be called without Engine.mu.
// Engine.mu must be held.
func (e *Engine) put(rec *record.Job, cause error, now time.Time) (cut []func()) {
	a, known := e.jobs[rec.ID]
	var before status.JobState
	if known {
		before = a.rec.State
	} else {
		a = &active{attempts: map[*stage]*attempt{}}
		if before = e.removeRecent(rec.ID); before == "" && rec.State.Finished() {
			before = rec.State // it had finished before recent begins
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
		e.addRecent(rec, before)
	}
	return cut
}

// index updates the queues for a job. Engine.mu must be held.
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

// begins reports whether a waiting stage may begin, as far as the job is concerned. All
// stages that it needs must be complete. A gate that only confirms also waits for the
// inputs of the first proof that it confirms: they are made from the same files on the
// same processors, and its verdict is not needed before the proof. A shadow also waits
// until every proof stage that is no shadow, or every stage when the pipeline makes no
// proof, has begun.
func (e *Engine) begins(rec *record.Job, s *stage) bool {
	if !complete(rec, s.needs) {
		return false
	}
	inputMade := func(proof *stage) bool { return !anyOpen(rec, proof.needs) }
	if s.onlyConfirms() && !slices.ContainsFunc(s.proofs, inputMade) {
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

// addRecent adds a finished job to the recent ones and counts its end, unless its state
// before was finished, too. Engine.mu must be held.
func (e *Engine) addRecent(rec *record.Job, before status.JobState) {
	if i := slices.IndexFunc(e.recent, func(old *record.Job) bool { return old.ID == rec.ID }); i >= 0 {
		e.recent[i] = rec // a finished job changes while its shadow stages work
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

// removeRecent removes a job from the recent ones and returns its state; empty when it
// was not among them. Engine.mu must be held.
func (e *Engine) removeRecent(id string) status.JobState {
	for i, old := range e.recent {
		if old.ID == id {
			e.recent = append(e.recent[:i:i], e.recent[i+1:]...)
			return old.State
		}
	}
	return ""
}

// settlePermit counts a finished job against the limit of the run. The permit of a job
// that was dropped or cancelled is free for another job. Engine.mu must be held.
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
