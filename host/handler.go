package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

var _ control.Pipeline = (*host)(nil)

// Close does nothing, because the host ends with Run.
func (h *host) Close() error { return nil }

// Snapshot returns the state at this instant. The recent jobs have their reports.
func (h *host) Snapshot(context.Context) (status.Snapshot, error) {
	snap := h.snapshot()
	return snap, history.WithReports(h.store, snap.Recent)
}

// snapshot combines what the engine knows about jobs, the supervisor about processes, and
// the senders about events. Jobs have no reports.
func (h *host) snapshot() status.Snapshot {
	snap := status.Snapshot{Jobs: []status.Job{}, Recent: []status.Job{}}
	working := map[string]status.Stage{}
	e := h.engine.Load()
	if e != nil {
		snap = e.Snapshot()
		for _, s := range snap.Stages {
			working[s.Name] = s
		}
	}
	snap.Pipeline, snap.File, snap.Version = h.file().Name, h.file().File, h.Version
	snap.PID, snap.Started = os.Getpid(), h.started
	snap.Stages = []status.Stage{}
	for _, s := range h.currentStages() {
		out, known := working[s.config.Name]
		if !known {
			out = status.Stage{Running: []status.Attempt{}, Queue: []uint64{}}
		}
		state := s.State()
		out.Name, out.Kind, out.Plugin, out.Version = s.config.Name, s.config.Kind, s.config.Plugin, s.binary.Manifest.Version
		out.PID, out.State, out.Since, out.Restarts = state.PID, state.State, state.Since, state.Restarts
		out.MakesProof, out.Note, out.Error = state.MakesProof, state.Note, state.LastError
		out.Endpoints = s.Endpoints()
		if e != nil && s.config.Kind == contract.KindReporter {
			h.describeReporter(s, &out)
		}
		snap.Stages = append(snap.Stages, out)
	}
	return snap
}

// describeReporter adds the state of a reporter's sender.
func (h *host) describeReporter(s *stage, out *status.Stage) {
	reporters := h.currentReporters()
	i := slices.IndexFunc(reporters, func(r *reporter) bool { return r.stage.config.Name == s.config.Name })
	if i < 0 {
		return
	}
	sending := reporters[i].sender.State()
	out.Processed, out.Failed, out.Paused = sending.Sent, sending.Rejected, sending.Paused
	out.Queue = append(out.Queue, sending.Waiting...)
	out.QueueLength, out.QueuedSince = len(out.Queue), sending.Oldest
	for _, r := range sending.Running {
		out.Running = append(out.Running, status.Attempt{
			Job: r.Job, Number: r.Number, Attempt: r.Try, Since: r.Since, Phase: string(r.Kind), Fraction: -1,
		})
	}
}

// Blocks returns jobs, the newest block first.
func (h *host) Blocks(_ context.Context, query control.Query) ([]status.Job, error) {
	return history.List(h.store, history.Stages(h.file()), query)
}

// ShowBlock returns every job of a block number.
func (h *host) ShowBlock(_ context.Context, number uint64) ([]status.Job, error) {
	return history.Show(h.store, history.Stages(h.file()), number)
}

// runningEngine returns the engine. It returns an error until every plugin was configured.
func (h *host) runningEngine() (*engine.Engine, error) {
	e := h.engine.Load()
	if e == nil {
		return nil, contract.Environment(errors.New("the pipeline is starting"), "ask again when proofline status shows its stages ready")
	}
	return e, nil
}

// Score returns the score by the rules of EthProofs.
func (h *host) Score(context.Context) (score.Report, error) {
	return h.ledger.Judge(h.store, h.file(), time.Now())
}

// ScoreRecord returns the record from which the score is computed.
func (h *host) ScoreRecord(context.Context) (score.Record, error) {
	return h.ledger.Record(h.store, h.file(), time.Now())
}

// AddBlocks queues blocks for the whole pipeline.
func (h *host) AddBlocks(ctx context.Context, numbers []uint64) ([]status.AddResult, error) {
	e, err := h.runningEngine()
	if err != nil {
		return nil, err
	}
	return e.AddBlocks(ctx, numbers)
}

// ProveBlock queues a block whose guest input exists already.
func (h *host) ProveBlock(ctx context.Context, request control.ProveRequest) (status.AddResult, error) {
	e, err := h.runningEngine()
	if err != nil {
		return status.AddResult{}, err
	}
	return e.ProveBlock(ctx, engine.ProveRequest(request))
}

// Report sends the proofs of a job once more.
func (h *host) Report(ctx context.Context, job, reporter string) (int, error) {
	e, err := h.runningEngine()
	if err != nil {
		return 0, err
	}
	return e.Report(ctx, job, reporter)
}

// Retry queues a finished job again.
func (h *host) Retry(ctx context.Context, request control.RetryRequest) error {
	e, err := h.runningEngine()
	if err != nil {
		return err
	}
	return e.Retry(ctx, engine.RetryRequest(request))
}

// Backup copies the checkpoint.
func (h *host) Backup(_ context.Context, to string) error {
	if _, err := os.Lstat(to); !filepath.IsAbs(to) || !errors.Is(err, fs.ErrNotExist) {
		return contract.Permanent(fmt.Errorf("a backup needs an absolute path at which no file exists, not %q", to))
	}
	return h.store.Backup(to)
}

// Drain makes the pipeline finish its blocks and end.
func (h *host) Drain(ctx context.Context, afterCurrent bool) (int, error) {
	e, err := h.runningEngine()
	if err != nil {
		return 0, err
	}
	left, err := e.Drain(ctx, afterCurrent)
	if err == nil {
		h.Log.Info("draining: no more blocks are taken in, and the pipeline ends when those at work are finished", "blocks", left, "after_current", afterCurrent)
	}
	return left, err
}

// Skip cancels an unfinished job.
func (h *host) Skip(ctx context.Context, job string) error {
	e, err := h.runningEngine()
	if err != nil {
		return err
	}
	return e.Skip(ctx, job)
}
