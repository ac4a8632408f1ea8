package engine

import (
	"context"
	"time"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/sdk/contract"
)

// Of the repair.
const (
	repairEvery = 10 * time.Second
	repairBatch = 4
)

// repair looks, while there is nothing else to do, for targets near the head that
// were never selected: the host was off and its cursor is lost, or the selection
// has changed. It takes in a few at a time, the newest first, so that the tip
// never waits for the past. A limited run repairs nothing.
func (e *Engine) repair(ctx context.Context) {
	if e.cfg.Selection.Repair == 0 || e.cfg.Selection.Targets.Every == 0 || e.cfg.Limit > 0 {
		return
	}
	seen := map[uint64]bool{} // numbers that need no further look
	tick := time.NewTicker(repairEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := e.repairOnce(ctx, seen); err != nil && ctx.Err() == nil {
			e.log.Warn("missed blocks could not be looked for", "error", err)
		}
	}
}

func (e *Engine) repairOnce(ctx context.Context, seen map[uint64]bool) error {
	e.mu.Lock()
	head, idle := e.head, len(e.jobs) == 0
	e.mu.Unlock()
	if head == 0 || !idle {
		return nil
	}
	var missed []uint64
	for _, n := range e.cfg.Selection.Missed(head) {
		if seen[n] || len(missed) == repairBatch {
			continue
		}
		known, err := e.store.ByNumber(n)
		if err != nil {
			return err
		}
		if len(known) > 0 {
			seen[n] = true
			continue
		}
		missed = append(missed, n)
	}
	for n := range seen {
		if n+e.cfg.Selection.Repair < head {
			delete(seen, n)
		}
	}
	if len(missed) == 0 || e.source.Ready(ctx) != nil {
		return nil
	}
	resolved, err := e.source.Resolve(ctx, missed)
	if err != nil {
		return err
	}
	return e.takeMissed(ctx, resolved, seen)
}

func (e *Engine) takeMissed(ctx context.Context, resolved []contract.Resolution, seen map[uint64]bool) error {
	e.write.Lock()
	defer e.write.Unlock()
	var change job.Change
	for _, r := range resolved {
		seen[r.Number] = true
		if r.Block == nil {
			continue
		}
		rec, err := e.intake(*r.Block, job.Selected, time.Now())
		if err != nil {
			return err
		}
		if rec != nil {
			e.log.Info("a target that was missed is taken up", "block", r.Number)
			change.Jobs = append(change.Jobs, rec)
		}
	}
	if len(change.Jobs) == 0 {
		return nil
	}
	return e.commit(ctx, change, nil)
}
