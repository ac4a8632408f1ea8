package engine

import (
	"cmp"
	"context"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// serve is one slot of a stage: it claims and runs attempts until intake ends.
func (e *Engine) serve(intake, work context.Context, s *stage) {
	for intake.Err() == nil {
		if s.Worker.Ready(intake) != nil {
			return
		}
		watch := e.watch()
		a, wait, err := e.claim(work, s)
		switch {
		case err != nil:
			return
		case a != nil:
			e.attempt(work, s, a)
			continue
		}
		select {
		case <-intake.Done():
		case <-watch:
		case <-time.After(wait):
		}
	}
}

// claim records the most urgent job that the stage may begin as running and
// returns it. Where there is none it returns nil and how long to wait at most
// before it is worth looking again.
func (e *Engine) claim(ctx context.Context, s *stage) (*active, time.Duration, error) {
	e.write.Lock()
	defer e.write.Unlock()
	now := time.Now()
	a, wait := e.candidate(s, now)
	if a == nil {
		return nil, wait, nil
	}
	rec := a.rec.Clone()
	r := rec.Stages[s.Name]
	r.Fingerprint, r.Done = s.Fingerprint, false
	r.Attempt++
	r.Started, r.Ended = now, time.Time{}
	rec.Stages[s.Name] = r
	rec.State, rec.Stage, rec.NotBefore = status.JobRunning, s.Name, time.Time{}
	change := job.Change{Jobs: []*job.Job{rec}}
	if s.MakesProof && job.Rank(rec.Announced) < job.Rank(contract.EventQueued) {
		rec.Announced = contract.EventQueued
		change.Events = e.events(rec, s, contract.EventQueued, nil, nil, now)
	}
	err := e.commit(ctx, change, func() {
		if e.cfg.Limit > 0 {
			e.permits[rec.ID] = true
		}
		a.stage, a.attempt, a.since, a.stuck = s, r.Attempt, now, false
		a.progress = contract.Progress{Fraction: -1}
	})
	if err != nil {
		return nil, 0, err
	}
	failpoint.Hit(failpoint.Claimed)
	return a, 0, nil
}

// candidate picks the job for claim. Engine.write must be held.
func (e *Engine) candidate(s *stage, now time.Time) (best *active, wait time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wait = time.Minute
	if e.stopping {
		return nil, wait
	}
	if until := s.pause.until.Sub(now); until > 0 {
		return nil, until
	}
	var leaving *active
	for _, a := range e.jobs {
		if a.rec.State != status.JobWaiting || a.rec.Stage != s.Name || !e.permitted(a) {
			continue
		}
		if until := a.rec.NotBefore.Sub(now); until > 0 {
			wait = min(wait, until)
			continue
		}
		if best == nil || e.compare(a, best) < 0 {
			best = a
		}
		if s.index == 0 && e.leaves(a) && (leaving == nil || a.rec.Block.Number < leaving.rec.Block.Number) {
			leaving = a
		}
	}
	if leaving != nil && e.ahead() < maxAhead {
		return leaving, wait
	}
	if best != nil && e.crowded(s, best) {
		return nil, wait
	}
	return best, wait
}

// permitted reports whether a limited run may work on the job.
func (e *Engine) permitted(a *active) bool {
	return e.cfg.Limit == 0 || e.permits[a.rec.ID] || len(e.permits) < e.cfg.Limit
}

// Of blocks that are about to leave the window in which nodes make witnesses.
const (
	leavingMargin = 16 // blocks before the window's end
	maxAhead      = 64 // fetched blocks that wait, while more are fetched for this reason
)

// leaves reports whether the block's witness can soon be had no more. Such a
// block is fetched first, however busy the stages behind are.
func (e *Engine) leaves(a *active) bool {
	window, number := e.cfg.Selection.Repair, a.rec.Block.Number
	if window <= leavingMargin || number > e.head {
		return false
	}
	age := e.head - number
	return age < window && age >= window-leavingMargin
}

// ahead is how many blocks are fetched and wait for the next stage.
func (e *Engine) ahead() (count int) {
	if len(e.stages) == 1 {
		return 0
	}
	for _, a := range e.jobs {
		if a.rec.State == status.JobWaiting && a.rec.Stage == e.stages[1].Name {
			count++
		}
	}
	return count
}

// crowded reports whether the stage behind s has enough waiting jobs that are at
// least as urgent as a.
func (e *Engine) crowded(s *stage, a *active) bool {
	if s.index+1 == len(e.stages) {
		return false
	}
	behind := e.stages[s.index+1]
	waiting := 0
	for _, other := range e.jobs {
		if other.rec.State == status.JobWaiting && other.rec.Stage == behind.Name && e.compare(other, a) <= 0 {
			waiting++
		}
	}
	return waiting >= 2*behind.Concurrency
}

// compare orders jobs by urgency: what the operator asked for, what has been
// announced, then by the selection's order.
func (e *Engine) compare(a, b *active) int {
	return cmp.Or(
		-compareBool(a.rec.Origin != job.Selected, b.rec.Origin != job.Selected),
		-compareBool(a.rec.Announced != "", b.rec.Announced != ""),
		e.cfg.Selection.Compare(a.rec.Block.Number, b.rec.Block.Number),
		cmp.Compare(a.rec.ID, b.rec.ID),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
