package engine

import (
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// orphan cancels the jobs of hashes that have left the chain, and withdraws what
// was not sent of those that are done.
func (e *Engine) orphan(t *transition, hashes []contract.Hash) {
	if len(hashes) == 0 {
		return
	}
	gone := map[contract.Hash]bool{}
	for _, h := range hashes {
		gone[h] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.jobs {
		if gone[a.rec.Block.Hash] {
			e.orphaned(t, t.edit(a))
		}
	}
	for _, rec := range e.recent {
		if _, open := e.jobs[rec.ID]; !open && gone[rec.Block.Hash] {
			rec = rec.Clone()
			t.add(rec)
			e.orphaned(t, rec)
		}
	}
}

// orphaned marks a job as off the chain. Its published files are moved aside once
// that is recorded.
func (e *Engine) orphaned(t *transition, rec *record.Job) {
	if rec.Orphaned {
		return
	}
	e.log.Warn("block left the chain", "block", rec.Block.Number, "hash", rec.Block.Hash)
	rec.Orphaned, rec.Aside = true, true
	t.stop(rec, status.JobCancelled, errOrphaned)
}

// revive takes up a block that is on the chain again. What it had done before
// counts; a proof of it is announced again, since its events were withdrawn.
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
