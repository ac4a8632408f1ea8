package offline

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Snapshot returns the state of the jobs that the next run will find. Every stage is
// stopped.
func (o *Pipeline) Snapshot(context.Context) (status.Snapshot, error) {
	snap := status.Snapshot{
		Time: time.Now(), Pipeline: o.pipeline.Name, File: o.pipeline.File,
		Stages: []status.Stage{}, Jobs: []status.Job{}, Recent: []status.Job{},
	}
	stages := history.Stages(o.pipeline)
	for _, s := range o.pipeline.Stages {
		snap.Stages = append(snap.Stages, status.Stage{
			Name: s.Name, Kind: s.Kind, Plugin: s.Plugin, State: status.StageStopped,
			Running: []status.Attempt{}, Queue: []uint64{},
		})
	}
	err := o.read(func(store *checkpoint.Store) error {
		active, err := store.Active()
		if err != nil {
			return err
		}
		slices.SortFunc(active, func(a, b *record.Job) int { return cmp.Compare(b.Block.Number, a.Block.Number) })
		for _, rec := range active {
			if !rec.State.Finished() {
				snap.Jobs = append(snap.Jobs, engine.Describe(rec, stages))
			}
		}
		snap.Counts.Active = len(active)
		if err := lastRun(store, &snap); err != nil {
			return err
		}
		if snap.Recent, err = history.Recent(store, stages); err != nil {
			return err
		}
		return addQueues(store, snap.Stages)
	})
	return snap, err
}

// lastRun sets when the last run began and the numbers of jobs that it finished.
func lastRun(store *checkpoint.Store, snap *status.Snapshot) error {
	run, err := store.LastRun()
	switch {
	case errors.Is(err, record.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	snap.Started = run.Started
	finished, err := store.FinishedSince(run.Started)
	if err != nil {
		return err
	}
	for _, rec := range finished {
		switch rec.State {
		case status.JobDone:
			snap.Counts.Done++
		case status.JobFailed:
			snap.Counts.Failed++
		case status.JobDropped:
			snap.Counts.Dropped++
		case status.JobCancelled:
			snap.Counts.Cancelled++
		}
	}
	return nil
}

// addQueues sets the queues of the reporters: the blocks whose events wait for them.
func addQueues(store *checkpoint.Store, stages []status.Stage) error {
	for i, s := range stages {
		if s.Kind != contract.KindReporter {
			continue
		}
		events, err := store.Outbox(s.Name)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Block != nil && !slices.Contains(stages[i].Queue, e.Block.Number) {
				stages[i].Queue = append(stages[i].Queue, e.Block.Number)
			}
		}
		stages[i].QueueLength = len(stages[i].Queue)
	}
	return nil
}

// Blocks lists jobs, the newest block first.
func (o *Pipeline) Blocks(_ context.Context, query control.Query) (jobs []status.Job, err error) {
	err = o.read(func(store *checkpoint.Store) error {
		jobs, err = history.List(store, history.Stages(o.pipeline), query)
		return err
	})
	return jobs, err
}

// ShowBlock returns every job of a block number.
func (o *Pipeline) ShowBlock(_ context.Context, number uint64) (jobs []status.Job, err error) {
	err = o.read(func(store *checkpoint.Store) error {
		jobs, err = history.Show(store, history.Stages(o.pipeline), number)
		return err
	})
	return jobs, err
}

// Score returns the score by the rules of EthProofs.
func (o *Pipeline) Score(context.Context) (report score.Report, err error) {
	now := time.Now()
	report = history.NoRecord(o.pipeline, now)
	err = o.read(func(store *checkpoint.Store) error {
		var l history.Ledger
		report, err = l.Judge(store, o.pipeline, now)
		return err
	})
	return report, err
}

// ScoreRecord returns the record from which the score is computed.
func (o *Pipeline) ScoreRecord(context.Context) (rec score.Record, err error) {
	rec = score.Record{Pipeline: o.pipeline.Name, Targets: o.pipeline.Select.Targets}
	err = o.read(func(store *checkpoint.Store) error {
		var l history.Ledger
		rec, err = l.Record(store, o.pipeline, time.Now())
		return err
	})
	return rec, err
}
