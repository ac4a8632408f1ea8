package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// serve is one slot of a stage: it claims and runs attempts until intake ends, or the
// stage has fewer slots. The next attempt may begin when the plugin has answered, or says
// that it collects: what it made is collected, accepted, verified and recorded beside that,
// of one attempt at a time.
func (e *Engine) serve(intake, work context.Context, s *stage, slot int) {
	await := func(c chan struct{}) { e.clock.Wait(context.WithoutCancel(work), Forever, c) }
	ended := make(chan struct{}) // closed when the last attempt has
	close(ended)
	defer func() { await(ended) }()
	for intake.Err() == nil && !e.dismissed(s, slot) {
		if s.Worker.Ready(intake) != nil {
			return
		}
		watch := e.watch()
		run, wait, err := e.claim(work, s)
		switch {
		case err != nil:
			return
		case run != nil:
			before, answered := ended, make(chan struct{})
			run.answered = sync.OnceFunc(func() { close(answered) })
			done := make(chan struct{})
			ended = done
			e.clock.Go(func() {
				defer close(done)
				e.attempt(work, run)
			})
			await(answered)
			await(before)
			continue
		}
		e.clock.Wait(intake, wait, watch)
	}
}

// claim records the most urgent job that the stage may begin as running and
// returns its attempt. Where there is none it returns nil and how long to wait at
// most before it is worth looking again.
func (e *Engine) claim(ctx context.Context, s *stage) (*attempt, time.Duration, error) {
	t, err := e.begin(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer e.write.release()
	a, wait := e.candidate(s, t.now)
	if a == nil {
		return nil, wait, nil
	}
	rec := t.edit(a)
	r := rec.Stages[s.Name]
	r.State = record.StageRunning
	r.Attempt++
	r.Started, r.Ended, r.NotBefore = t.now, time.Time{}, time.Time{}
	if s.MakesProof && s.trusted {
		r.Phase = higher(r.Phase, contract.EventQueued)
	}
	rec.Stages[s.Name] = r
	run := &attempt{stage: s, job: a, number: r.Attempt, made: s.tuning().Fingerprint, since: t.now, progress: contract.Progress{Fraction: -1}}
	run.ctx, run.cancel = context.WithCancelCause(ctx)
	t.done(func() {
		if e.cfg.Limit > 0 {
			e.permits[rec.ID] = true
		}
		a.attempts[s] = run
		s.running[rec.ID] = run
	})
	if err := t.commit(ctx); err != nil {
		return nil, 0, err
	}
	failpoint.Hit(failpoint.Claimed)
	if s.MakesProof && e.beside(rec, s, record.StageRunning) {
		failpoint.Hit(failpoint.ClaimedBeside)
	}
	return run, 0, nil
}

// higher returns the phase of higher rank.
func higher(a, b contract.EventKind) contract.EventKind {
	if record.Rank(b) > record.Rank(a) {
		return b
	}
	return a
}

// candidate picks the job for claim. Engine.write must be held.
func (e *Engine) candidate(s *stage, now time.Time) (*active, time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wait := s.queue.wake(now)
	if e.stopping {
		return nil, wait
	}
	if until := s.pause.until.Sub(now); until > 0 {
		return nil, until
	}
	for _, run := range s.running {
		if r := run.job.rec.Stages[s.Name]; r.Suspect || r.Deaths > 0 {
			return nil, wait // it is tried alone
		}
	}
	if s.index == 0 {
		if leaving := e.leaving(); leaving != nil {
			return leaving, wait
		}
	}
	var best *entry
	s.queue.ready.Ascend(func(other entry) bool {
		if e.permitted(other.id) {
			best = &other
		}
		return best == nil
	})
	switch {
	case best == nil:
		return nil, wait
	case best.suspect && len(s.running) > 0:
		return nil, wait // until it is alone
	case e.crowded(s, *best):
		return nil, wait
	}
	return best.job, wait
}

// permitted reports whether a limited or draining run may work on the job.
func (e *Engine) permitted(id string) bool {
	if !e.drains(id) {
		return false
	}
	return e.cfg.Limit == 0 || e.permits[id] || len(e.permits) < e.cfg.Limit
}

// crowded reports whether the stages behind s have enough waiting jobs that are at
// least as urgent, on the way to every proof: so pressure travels back to the
// source, the most urgent block still overtakes, and a branch that is slow or stands
// still delays no other, until it is maxAhead blocks behind. Jobs on which this run does
// not work any more hold up nobody.
func (e *Engine) crowded(s *stage, job entry) bool {
	holds := func(behind *stage, most int) bool {
		return behind.queue.urgent(e.selection(), job, most, e.permitted) >= most
	}
	open := len(s.ways) == 0
	for _, way := range s.ways {
		if slices.ContainsFunc(way, func(behind *stage) bool { return holds(behind, maxAhead) }) {
			return true
		}
		open = open || !slices.ContainsFunc(way, func(behind *stage) bool { return holds(behind, 2*behind.tuning().Concurrency) })
	}
	return !open
}

// maxAhead bounds the blocks that wait for a stage while more are made ready, for
// another branch or because they are about to leave the window: their files lie on
// the disk.
const maxAhead = 64

// leavingMargin is how many blocks before its end the window in which nodes make
// witnesses counts as about to close.
const leavingMargin = 16

// leaving returns the job whose witness can soon be had no more, if there is one
// that may be begun. Such a block is fetched first, however busy the stages behind
// are. Engine.mu must be held.
func (e *Engine) leaving() (leaving *active) {
	source, window := e.stages[0], e.selection().Repair
	if window <= leavingMargin || e.head < window {
		return nil
	}
	for _, behind := range source.behind {
		if len(behind.queue.of) >= maxAhead {
			return nil
		}
	}
	oldest := e.head - window + 1
	source.queue.byNumber.AscendGreaterOrEqual(entry{number: oldest}, func(other entry) bool {
		if other.number > oldest+leavingMargin-1 {
			return false
		}
		if _, ready := source.queue.ready.Get(other); ready && e.permitted(other.id) && !other.suspect {
			leaving = other.job
		}
		return leaving == nil
	})
	return leaving
}
