package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Of the source's poll.
const (
	pollMax  = 256
	pollWait = 10 * time.Second
)

// feed brings in new jobs: the listed blocks, and the targets along the chain.
func (e *Engine) feed(ctx context.Context) {
	source := e.stages[0]
	pending := slices.Clone(e.cfg.Selection.Blocks)
	follow := e.cfg.Selection.Targets.Every > 0
	for ctx.Err() == nil && (follow || len(pending) > 0) {
		if e.source.Ready(ctx) != nil {
			return
		}
		var err error
		if len(pending) > 0 {
			pending, err = e.takeListed(ctx, pending)
		}
		if err == nil && follow {
			follow, err = e.pollOnce(ctx)
		}
		wait := time.Duration(0)
		if err != nil && ctx.Err() == nil {
			e.mu.Lock()
			e.pause(source, &source.poll, fmt.Errorf("poll: %w", err), time.Now())
			wait = time.Until(source.poll.until)
			e.broadcast()
			e.mu.Unlock()
		} else if !follow && len(pending) > 0 {
			wait = pollWait // listed blocks that do not exist yet
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// feedRequests deals with what the operator asked for while no host ran. A
// request stays until its block exists.
func (e *Engine) feedRequests(ctx context.Context) {
	said := map[uint64]bool{}
	for ctx.Err() == nil {
		if e.source.Ready(ctx) != nil {
			return
		}
		left, err := e.takeRequests(ctx, said)
		if err == nil && left == 0 {
			return
		}
		if err != nil && ctx.Err() == nil {
			e.log.Warn("requests from before the start wait", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollWait):
		}
	}
}

// pollOnce asks the source for new targets and records them together with the
// cursor and the orphaned jobs. It reports whether to go on.
func (e *Engine) pollOnce(ctx context.Context) (more bool, err error) {
	targets := e.cfg.Selection.Targets
	bounds, err := json.Marshal(struct{ From, To *uint64 }{targets.From, targets.To})
	if err != nil {
		return true, err
	}
	source := e.stages[0]
	stored, err := e.store.Cursor(source.Name)
	if err != nil {
		return true, err
	}
	request := contract.PollRequest{Selection: targets, Max: pollMax, Wait: pollWait}
	if stored != nil && stored.Selection == string(bounds) {
		request.Cursor = stored.Cursor
	}
	answer, err := e.source.Poll(ctx, request)
	if err != nil {
		return true, err
	}
	failpoint.Hit(failpoint.Polled)
	e.write.Lock()
	defer e.write.Unlock()
	now := time.Now()
	change := job.Change{Cursor: &job.Cursor{
		Stage: source.Name, Cursor: answer.NextCursor, Head: answer.Head, Updated: now, Selection: string(bounds),
	}}
	cut := e.orphan(answer.Orphaned, &change, now)
	for _, block := range answer.Blocks {
		rec, err := e.intake(block, job.Selected, now)
		if err != nil {
			return true, err
		}
		if rec != nil {
			change.Jobs = append(change.Jobs, rec)
		}
	}
	err = e.commit(ctx, change, func() {
		e.head = max(e.head, answer.Head)
		e.resume(source, &source.poll)
		for _, cancel := range cut {
			cancel(errOrphaned)
		}
	})
	if len(answer.Blocks) > 0 {
		failpoint.Hit(failpoint.TakenIn)
	}
	return !answer.Done, err
}

// intake returns the record of a block that becomes a job; nil where it is one
// already. A block that was orphaned and is on the chain again starts anew.
func (e *Engine) intake(block contract.Block, origin string, now time.Time) (*job.Job, error) {
	known, err := e.store.Job(block.JobID())
	if err != nil {
		return nil, err
	}
	if known == nil {
		rec := job.New(block, origin, now)
		rec.Stage = e.stages[0].Name
		return rec, nil
	}
	if Orphaned(known) {
		rec := known.Clone()
		e.restart(rec)
		return rec, nil
	}
	return nil, nil
}

// Orphaned reports whether the job was cancelled because its block left the
// chain.
func Orphaned(rec *job.Job) bool {
	return rec.State == status.JobCancelled && rec.Reason == errOrphaned.Error()
}

// restart makes the record of a finished job wait again. Attempts keep counting,
// so that directories are not used twice; what was announced stays announced.
func (e *Engine) restart(rec *job.Job) {
	for name, r := range rec.Stages {
		if !r.Skipped {
			rec.Stages[name] = job.Stage{Attempt: r.Attempt}
		}
	}
	rec.State, rec.Reason, rec.Finished, rec.NotBefore = status.JobWaiting, "", time.Time{}, time.Time{}
	rec.Stage = e.next(rec).Name
}

// orphan adds to the change that the jobs of hashes which have left the chain are
// cancelled, and returns how to cut off their running attempts after it.
func (e *Engine) orphan(hashes []contract.Hash, change *job.Change, now time.Time) (cut []context.CancelCauseFunc) {
	if len(hashes) == 0 {
		return nil
	}
	gone := map[contract.Hash]bool{}
	for _, h := range hashes {
		gone[h] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.jobs {
		if !gone[a.rec.Block.Hash] {
			continue
		}
		e.log.Warn("block left the chain", "block", a.rec.Block.Number, "hash", a.rec.Block.Hash)
		if a.cancel != nil {
			cut = append(cut, a.cancel)
		}
		rec := a.rec.Clone()
		rec.State, rec.Reason, rec.Finished = status.JobCancelled, errOrphaned.Error(), now
		change.Jobs = append(change.Jobs, rec)
		change.Unsend = append(change.Unsend, rec.ID)
	}
	for _, rec := range e.recent {
		if gone[rec.Block.Hash] && rec.State == status.JobDone {
			change.Unsend = append(change.Unsend, rec.ID)
			if err := e.files.SetAside(rec.Block); err != nil {
				e.log.Error("output of an orphaned block could not be set aside", "block", rec.Block.Number, "error", err)
			}
		}
	}
	return cut
}

// takeListed resolves the listed blocks and returns those that do not exist yet.
func (e *Engine) takeListed(ctx context.Context, numbers []uint64) (rest []uint64, err error) {
	resolved, err := e.source.Resolve(ctx, numbers)
	if err != nil {
		return numbers, err
	}
	e.write.Lock()
	defer e.write.Unlock()
	var change job.Change
	for _, r := range resolved {
		if r.Block == nil {
			rest = append(rest, r.Number)
			continue
		}
		rec, err := e.intake(*r.Block, job.Selected, time.Now())
		if err != nil {
			return numbers, err
		}
		if rec != nil {
			change.Jobs = append(change.Jobs, rec)
		}
	}
	return rest, e.commit(ctx, change, nil)
}
