package engine

import (
	"context"
	"time"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// keepHouse looks once a second for what only time brings about: provers that are
// stuck, blocks that have become too old.
func (e *Engine) keepHouse(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.alertStuck(ctx, now)
			e.dropOld(ctx, now)
		}
	}
}

// alertStuck announces provers that are busy for longer than StuckAfter, each
// attempt once. It stops nothing: that is the timeout's business.
func (e *Engine) alertStuck(ctx context.Context, now time.Time) {
	e.write.Lock()
	defer e.write.Unlock()
	var events []job.Event
	e.mu.Lock()
	for _, a := range e.jobs {
		if a.rec.State != status.JobRunning || a.stuck || e.cfg.StuckAfter <= 0 ||
			a.stage.Kind != contract.KindProver || now.Sub(a.since) < e.cfg.StuckAfter {
			continue
		}
		a.stuck = true
		block := a.rec.Block
		e.log.Warn("prover is busy for longer than stuck_after", "stage", a.stage.Name, "block", block.Number, "since", a.since)
		events = append(events, Alerts(e.cfg.Reporters, contract.EventProverStuck, a.stage.Name, &block, map[string]string{
			contract.FactReason: "busy for " + now.Sub(a.since).Round(time.Second).String(),
		}, now)...)
	}
	e.mu.Unlock()
	if len(events) == 0 {
		return
	}
	if err := e.commit(ctx, job.Change{Events: events}, nil); err != nil {
		e.log.Error("alerts could not be recorded", "error", err)
	}
}

// dropOld leaves out waiting blocks that nobody waits for any more. A block that
// was announced or asked for by the operator is never dropped.
func (e *Engine) dropOld(ctx context.Context, now time.Time) {
	e.write.Lock()
	defer e.write.Unlock()
	var change job.Change
	e.mu.Lock()
	for _, a := range e.jobs {
		if a.rec.State != status.JobWaiting || a.rec.Origin != job.Selected || a.rec.Announced != "" {
			continue
		}
		reason, drop := e.cfg.Selection.Drop(a.rec.Block, now)
		if !drop {
			continue
		}
		rec := a.rec.Clone()
		rec.State, rec.Reason, rec.Finished = status.JobDropped, reason, now
		change.Jobs = append(change.Jobs, rec)
	}
	e.mu.Unlock()
	if len(change.Jobs) == 0 {
		return
	}
	if err := e.commit(ctx, change, nil); err != nil {
		e.log.Error("old blocks could not be dropped", "error", err)
	}
}
