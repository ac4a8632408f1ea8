package engine

import (
	"context"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Limits of the repair.
const (
	repairEvery   = 10 * time.Second // between two comparisons
	repairBatch   = 16               // blocks of one comparison
	repairMissing = 2 * time.Minute  // until a block is asked for again that the source did not have
	// settledDepth is the depth below the head, in blocks, from which a hash counts as
	// final. It is the depth of the chain that a cursor holds.
	settledDepth = 64
)

// repair compares the targets near the head with the chain, by their hashes, until ctx
// ends.
//
//   - A target that was never taken in is taken in while nothing else is to be done. It
//     was missed because the cursor was lost while the host was off, or because the
//     selection has changed.
//   - A job whose hash is not on the chain any more is orphaned, and the block that took
//     its number is taken in. The poll did not see this reorg because it was deeper than
//     the cursor, or because the block did not come from a poll.
//
// Each comparison takes a few blocks, the newest first, so that the head never waits for
// older blocks. A limited run repairs nothing.
func (e *Engine) repair(ctx context.Context) { e.whileSelected(ctx, e.repairSelected) }

func (e *Engine) repairSelected(ctx context.Context) {
	if e.selection().Repair == 0 || e.selection().Targets.Every == 0 || e.cfg.Limit > 0 {
		return
	}
	settled := map[uint64]time.Time{} // until when a number is not compared again
	for {
		e.clock.Wait(ctx, repairEvery, nil)
		if ctx.Err() != nil {
			return
		}
		if err := e.repairOnce(ctx, settled); err != nil && ctx.Err() == nil {
			e.log.Warn("the blocks near the head could not be compared with the chain", "error", err)
		}
	}
}

// repairOnce makes one comparison. It adds the numbers that are final or missing to settled
// and removes those that have left the window.
func (e *Engine) repairOnce(ctx context.Context, settled map[uint64]time.Time) error {
	e.mu.Lock()
	head, idle := e.head, e.idle()
	e.mu.Unlock()
	if head == 0 {
		return nil
	}
	var numbers []uint64
	for _, n := range e.selection().RepairTargets(head) {
		if e.clock.Now().Before(settled[n]) || len(numbers) == repairBatch {
			continue
		}
		known, err := e.store.ByNumber(n)
		if err != nil {
			return err
		}
		if len(known) > 0 && n+settledDepth > head { // the poll reports its reorgs
			continue
		}
		if len(known) == 0 && !idle {
			continue
		}
		numbers = append(numbers, n)
	}
	for n := range settled {
		if n+e.selection().Repair < head {
			delete(settled, n)
		}
	}
	if len(numbers) == 0 || e.source.Ready(ctx) != nil {
		return nil
	}
	resolved, err := e.source.Resolve(ctx, numbers)
	if err != nil {
		return err
	}
	return e.compareWithChain(ctx, resolved, head, settled)
}

// idle reports whether no job waits or runs at any stage that is no shadow. Engine.mu
// must be held.
func (e *Engine) idle() bool {
	for _, s := range e.stages {
		if !s.Shadow && (len(s.queue.byJob) > 0 || len(s.running) > 0) {
			return false
		}
	}
	return true
}

// compareWithChain orphans the jobs that differ from the resolved blocks of the chain
// and takes in the blocks that are no jobs, in one transaction.
func (e *Engine) compareWithChain(ctx context.Context, resolved []contract.Resolution, head uint64, settled map[uint64]time.Time) error {
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	for _, r := range resolved {
		switch {
		case r.Number+settledDepth <= head:
			settled[r.Number] = t.now.Add(Forever) // until it leaves the window
		case r.Block == nil:
			settled[r.Number] = t.now.Add(repairMissing)
		}
		if r.Block == nil {
			continue
		}
		known, err := e.store.ByNumber(r.Number)
		if err != nil {
			return err
		}
		for _, old := range known {
			if old.Block.Hash == r.Block.Hash || Orphaned(old) || old.State == status.JobDropped {
				continue
			}
			e.mu.Lock()
			a := e.jobs[old.ID]
			e.mu.Unlock()
			rec := old.Clone()
			if a != nil {
				rec = t.edit(a)
			} else {
				t.add(rec)
			}
			e.orphaned(t, rec)
		}
		if len(known) == 0 {
			e.log.Info("a target that was missed is taken up", "block", r.Number)
		}
		if err := e.intake(t, *r.Block, record.Selected); err != nil {
			return err
		}
	}
	if len(t.jobs) == 0 {
		return nil
	}
	return t.commit(ctx)
}
