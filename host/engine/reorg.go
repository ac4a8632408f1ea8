package engine

import (
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// orphan cancels the jobs whose block hashes have left the chain. Of jobs that are done
// it withdraws the events that were not sent.
func (e *Engine) orphan(t *transition, hashes []contract.Hash) {
	if len(hashes) == 0 {
		return
	}
	orphans := map[contract.Hash]bool{}
	for _, h := range hashes {
		orphans[h] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.jobs {
		if orphans[a.rec.Block.Hash] {
			e.orphaned(t, t.edit(a))
		}
	}
	for _, rec := range e.recent {
		if _, open := e.jobs[rec.ID]; !open && orphans[rec.Block.Hash] {
			rec = rec.Clone()
			t.add(rec)
			e.orphaned(t, rec)
		}
	}
}

// orphaned records that the block of a job is not on the chain any more. The publisher
// moves its files aside after the commit.
func (e *Engine) orphaned(t *transition, rec *record.Job) {
	if rec.Orphaned {
		return
	}
	e.log.Warn("block left the chain", "block", rec.Block.Number, "hash", rec.Block.Hash)
	rec.Orphaned, rec.Aside = true, true
	t.stop(rec, status.JobCancelled, errOrphaned)
}

// revive continues the job of a block that is on the chain again. Work that was done
// still counts. A proof is announced again, because its events were withdrawn.
func (e *Engine) revive(t *transition, known *record.Job) {
	rec := known.Clone()
	rec.Orphaned, rec.Aside = false, false
	if rec.State == status.JobCancelled {
		rec.State, rec.Reason, rec.Finished = status.JobWaiting, "", time.Time{}
	}
	for name, r := range rec.Stages {
		if r.State == record.StageCancelled {
			r.State = record.StageWaiting
		}
		if r.State == record.StageDone {
			r.Announced = ""
			r.Unpublished = len(r.Outputs) > 0 && r.Phase != ""
		}
		rec.Stages[name] = r
	}
	e.fit(rec)
	t.add(rec)
}
