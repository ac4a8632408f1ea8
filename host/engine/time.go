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

// watchTime looks for stuck provers once a second until ctx ends.
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

// alertStuck raises one alert for each attempt of a prover that runs for longer than
// StuckAfter. It does not end the attempt; only the timeout does.
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

// stuck reports whether an attempt is stuck and no alert was raised for it yet.
func (s *stage) stuck(run *attempt, now time.Time) bool {
	return s.Kind == contract.KindProver && s.tuning().StuckAfter > 0 && !run.stuck && now.Sub(run.since) >= s.tuning().StuckAfter
}

// anyStuck reports whether an alert is to be raised for any attempt.
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

// dropBatch is the largest number of jobs that one transaction drops.
const dropBatch = 1024

// dropOld drops the waiting jobs whose blocks are older than the selection allows, and
// skips the waiting shadow stages of finished jobs of that age. head is the block time
// of the head. A block that was announced or that the operator asked for is never
// dropped.
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
		default: // only shadow stages have work left
			for name, r := range rec.Stages {
				if r.State == record.StageWaiting {
					r.State, r.Error = record.StageSkipped, why
					rec.Stages[name] = r
				}
			}
		}
	}
	for _, rec := range t.jobs { // jobs that this transition takes in
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

// droppable reports whether the rest of a job may be dropped for its age. A finished job
// must have waiting shadow stages and no running attempt. Any other job must wait, must
// come from the selection, and must not have been announced.
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

// ageQueue holds the droppable jobs by the time of their blocks. Jobs whose block time
// is not known are not in it. It is guarded by Engine.mu.
type ageQueue struct {
	byTime *btree.BTreeG[aged]
	byJob  map[string]aged // by job id
}

// aged is an entry of an ageQueue.
type aged struct {
	time time.Time
	id   string
	job  *active
}

func newAgeQueue() ageQueue {
	return ageQueue{byJob: map[string]aged{}, byTime: btree.NewG(degree, func(a, b aged) bool {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.id, b.id)) < 0
	})}
}

// put adds the job, or removes it when it is not droppable.
func (q *ageQueue) put(a *active) {
	old, known := q.byJob[a.rec.ID]
	if known {
		q.byTime.Delete(old)
		delete(q.byJob, a.rec.ID)
	}
	if !a.rec.Open() || a.rec.Block.Time.IsZero() || !droppable(a) {
		return
	}
	entry := aged{a.rec.Block.Time, a.rec.ID, a}
	q.byJob[entry.id] = entry
	q.byTime.ReplaceOrInsert(entry)
}

// before lists up to limit jobs whose block time is before oldest.
func (q *ageQueue) before(oldest time.Time, limit int) (jobs []*active) {
	q.byTime.Ascend(func(a aged) bool {
		if !a.time.Before(oldest) || len(jobs) == limit {
			return false
		}
		jobs = append(jobs, a.job)
		return true
	})
	return jobs
}
