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

// serve is one slot of a stage. It claims and runs attempts until intake ends or the
// stage has fewer slots. The next attempt may begin as soon as the plugin has answered
// or reports that it collects its results. Collecting, accepting, verifying and
// recording go on beside the next attempt, for one earlier attempt at a time.
func (e *Engine) serve(intake, work context.Context, s *stage, slot int) {
	await := func(c chan struct{}) { e.clock.Wait(context.WithoutCancel(work), Forever, c) }
	ended := make(chan struct{}) // closed when the last attempt has ended
	close(ended)
	defer func() { await(ended) }()
	for intake.Err() == nil && !e.retired(s, slot) {
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
			run.releaseSlot = sync.OnceFunc(func() { close(answered) })
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

// claim picks the most urgent job that the stage may begin, records it as running and
// returns its attempt. Without such a job it returns nil and the longest time to wait
// before the next claim.
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
	run := &attempt{stage: s, job: a, number: r.Attempt, fingerprint: s.tuning().Fingerprint, since: t.now, progress: contract.Progress{Fraction: -1}}
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
	if s.MakesProof && e.otherProofIn(rec, s, record.StageRunning) {
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

// candidate picks the job for claim. Without such a job it returns nil and the longest
// time to wait before the next claim. Engine.write must be held.
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
			return nil, wait // a suspect block runs alone
		}
	}
	if s.index == 0 {
		if expiring := e.expiring(); expiring != nil {
			return expiring, wait
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
		return nil, wait // a suspect block waits until it is alone
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

// crowded reports whether the stages behind s, on the path to every proof, have enough
// waiting jobs that are at least as urgent as job. This back-pressure travels back to
// the source, while the most urgent block still overtakes. A branch that is slow or
// stands still does not delay the others until it is maxAhead blocks behind. Jobs that
// are not permitted in this run do not count.
func (e *Engine) crowded(s *stage, job entry) bool {
	full := func(behind *stage, limit int) bool {
		return behind.queue.urgent(e.selection(), job, limit, e.permitted) >= limit
	}
	open := len(s.paths) == 0
	for _, path := range s.paths {
		if slices.ContainsFunc(path, func(behind *stage) bool { return full(behind, maxAhead) }) {
			return true
		}
		open = open || !slices.ContainsFunc(path, func(behind *stage) bool { return full(behind, 2*behind.tuning().Concurrency) })
	}
	return !open
}

// maxAhead bounds the blocks that may wait for a stage while more are made ready for
// another branch, or because their witness expires soon. The bound limits the disk
// space that their files take.
const maxAhead = 64

// expiringMargin is the length, in blocks, of the oldest part of the window in which
// nodes make witnesses. The witness of a block in that part expires soon.
const expiringMargin = 16

// expiring returns the job whose witness expires first, if it expires soon and the job
// may be begun; else nil. Such a block is fetched first, however busy the stages behind
// the source are. Engine.mu must be held.
func (e *Engine) expiring() (job *active) {
	source, window := e.stages[0], e.selection().Repair
	if window <= expiringMargin || e.head < window {
		return nil
	}
	for _, behind := range source.behind {
		if len(behind.queue.byJob) >= maxAhead {
			return nil
		}
	}
	oldest := e.head - window + 1
	source.queue.byNumber.AscendGreaterOrEqual(entry{number: oldest}, func(other entry) bool {
		if other.number > oldest+expiringMargin-1 {
			return false
		}
		if _, ready := source.queue.ready.Get(other); ready && e.permitted(other.id) && !other.suspect {
			job = other.job
		}
		return job == nil
	})
	return job
}
