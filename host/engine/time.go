package engine

import (
	"cmp"
	"context"
	"time"

	"github.com/google/btree"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tick"
)

// watchTime looks once a second for provers that are stuck.
func (e *Engine) watchTime(ctx context.Context) {
	for {
		e.clock.Wait(ctx, tick.Until(e.clock.Now(), time.Second), nil)
		if ctx.Err() != nil {
			return
		}
		if err := e.alertStuck(ctx, e.clock.Now()); err != nil && ctx.Err() == nil {
			e.log.Error("a stuck prover could not be recorded", "error", err)
		}
	}
}

// alertStuck announces provers that are busy for longer than StuckAfter, each
// attempt once. It stops nothing: that is the timeout's business.
func (e *Engine) alertStuck(ctx context.Context, now time.Time) error {
	if !e.anyStuck(now) {
		return nil
	}
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	e.mu.Lock()
	var stuck []*attempt
	for _, s := range e.stages {
		for _, run := range s.running {
			if !s.stuck(run, now) {
				continue
			}
			stuck = append(stuck, run)
			block := run.job.rec.Block
			e.log.Warn("prover is busy for longer than stuck_after", "stage", s.Name, "block", block.Number, "since", run.since)
			t.change.Events = append(t.change.Events, Alerts(e.reporters(), contract.EventProverStuck, s.Name, &block, map[string]string{
				contract.FactReason: "busy for " + now.Sub(run.since).Round(time.Second).String(),
			}, now)...)
		}
	}
	e.mu.Unlock()
	t.done(func() {
		for _, run := range stuck {
			run.stuck = true
		}
	})
	return t.commit(ctx)
}

// stuck reports whether an attempt has just become stuck.
func (s *stage) stuck(run *attempt, now time.Time) bool {
	return s.Kind == contract.KindProver && s.tuning().StuckAfter > 0 && !run.stuck && now.Sub(run.since) >= s.tuning().StuckAfter
}

func (e *Engine) anyStuck(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.stages {
		for _, run := range s.running {
			if s.stuck(run, now) {
				return true
			}
		}
	}
	return false
}

// dropBatch is how many jobs are dropped in one transaction at most.
const dropBatch = 1024

// dropOld leaves out waiting blocks that the chain has left too far behind, and has
// shadows leave out what they have not begun in time. A block that was announced or
// asked for by the operator is never dropped.
func (e *Engine) dropOld(t *transition, head time.Time) {
	if e.selection().DropAfter <= 0 {
		return
	}
	e.mu.Lock()
	old := e.byAge.before(head.Add(-e.selection().DropAfter), dropBatch)
	e.mu.Unlock()
	dropped, reason := 0, ""
	drop := func(rec *record.Job) {
		why, old := e.selection().Drop(rec.Block, head)
		switch {
		case !old:
		case !rec.State.Finished():
			rec.Stop(status.JobDropped, why, t.now)
			dropped, reason = dropped+1, why
		default: // only its shadows are left
			for name, r := range rec.Stages {
				if r.State == record.StageWaiting {
					r.State, r.Error = record.StageSkipped, why
					rec.Stages[name] = r
				}
			}
		}
	}
	for _, rec := range t.jobs { // just taken in
		if rec.State == status.JobWaiting && rec.Origin == record.Selected && !rec.Announced() {
			drop(rec)
		}
	}
	for _, a := range old {
		if droppable(a) {
			drop(t.edit(a))
		}
	}
	if dropped > 0 {
		e.log.Warn("blocks are left out, because nobody waits for them any more; blocks list --state dropped names them", "count", dropped, "reason", reason)
	}
}

// droppable reports whether age may end what is left of a job: nothing of it runs
// and, unless only shadows are left, it was neither announced nor asked for.
func droppable(a *active) bool {
	if a.rec.State.Finished() {
		return len(a.attempts) == 0 && !onlyPublishing(a.rec)
	}
	return a.rec.State == status.JobWaiting && a.rec.Origin == record.Selected && !a.rec.Announced()
}

// onlyPublishing reports whether no stage of an open job has work left.
func onlyPublishing(rec *record.Job) bool {
	for _, r := range rec.Stages {
		if r.State.Open() {
			return false
		}
	}
	return true
}

// ageQueue holds the jobs that age may end, by the time of their blocks. A block
// whose time is not known has no age. It is guarded by Engine.mu.
type ageQueue struct {
	tree *btree.BTreeG[aged]
	of   map[string]aged
}

type aged struct {
	time time.Time
	id   string
	job  *active
}

func newAgeQueue() ageQueue {
	return ageQueue{of: map[string]aged{}, tree: btree.NewG(degree, func(a, b aged) bool {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.id, b.id)) < 0
	})}
}

// put adds the job, or takes it out where it may not be dropped.
func (q *ageQueue) put(a *active) {
	old, known := q.of[a.rec.ID]
	if known {
		q.tree.Delete(old)
		delete(q.of, a.rec.ID)
	}
	if !a.rec.Open() || a.rec.Block.Time.IsZero() || !droppable(a) {
		return
	}
	entry := aged{a.rec.Block.Time, a.rec.ID, a}
	q.of[entry.id] = entry
	q.tree.ReplaceOrInsert(entry)
}

// before lists up to most of the jobs whose blocks are older than that time.
func (q *ageQueue) before(oldest time.Time, most int) (jobs []*active) {
	q.tree.Ascend(func(a aged) bool {
		if !a.time.Before(oldest) || len(jobs) == most {
			return false
		}
		jobs = append(jobs, a.job)
		return true
	})
	return jobs
}
