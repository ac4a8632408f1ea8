package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Offline is a pipeline that no host runs: what its checkpoint holds can be
// shown, and requests can be left for the next run.
type Offline struct {
	pipeline *pipeline.Pipeline
}

// OpenOffline returns the pipeline's checkpoint for commands. The pipeline need
// not be bound to its plugins.
func OpenOffline(p *pipeline.Pipeline) *Offline { return &Offline{pipeline: p} }

// Close gives nothing back: the checkpoint is open only during a call, so that a
// host can start at any time.
func (o *Offline) Close() error { return nil }

// read calls fn with the checkpoint; where there is none yet, it does not call
// it.
func (o *Offline) read(fn func(*checkpoint.Store) error) (err error) {
	store, err := checkpoint.OpenReadOnly(checkpointFile(o.pipeline.Data))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

func (o *Offline) write(fn func(*checkpoint.Store) error) (err error) {
	store, err := openCheckpoint(o.pipeline.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

// Snapshot shows what the next run will find.
func (o *Offline) Snapshot(context.Context) (status.Snapshot, error) {
	snap := status.Snapshot{
		Time: time.Now(), Pipeline: o.pipeline.Name, File: o.pipeline.File,
		Stages: []status.Stage{}, Jobs: []status.Job{}, Recent: []status.Job{},
	}
	names := stageNames(o.pipeline)
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
		slices.SortFunc(active, func(a, b *job.Job) int { return cmp.Compare(b.Block.Number, a.Block.Number) })
		for _, rec := range active {
			snap.Jobs = append(snap.Jobs, engine.Describe(rec, names))
		}
		snap.Counts.Active = len(active)
		recent, err := store.Recent(50)
		for _, rec := range recent {
			snap.Recent = append(snap.Recent, engine.Describe(rec, names))
		}
		return err
	})
	return snap, err
}

// Blocks lists jobs, the newest block first.
func (o *Offline) Blocks(_ context.Context, query control.Query) (jobs []status.Job, err error) {
	err = o.read(func(store *checkpoint.Store) error {
		jobs, err = list(store, stageNames(o.pipeline), query)
		return err
	})
	return jobs, err
}

// ShowBlock returns every job of a block number.
func (o *Offline) ShowBlock(_ context.Context, number uint64) (jobs []status.Job, err error) {
	err = o.read(func(store *checkpoint.Store) error {
		jobs, err = show(store, stageNames(o.pipeline), number)
		return err
	})
	return jobs, err
}

// Score is the standing by EthProofs' rules, by what the checkpoint holds.
func (o *Offline) Score(context.Context) (report score.Report, err error) {
	now := time.Now()
	report = score.Judge(score.Record{Pipeline: o.pipeline.Name, Targets: o.pipeline.Select.Selection}, now)
	err = o.read(func(store *checkpoint.Store) error {
		var l ledger
		report, err = l.judge(store, o.pipeline, now)
		return err
	})
	return report, err
}

// AddBlocks leaves a request for each number that is not known yet.
func (o *Offline) AddBlocks(_ context.Context, numbers []uint64) (results []status.AddResult, err error) {
	err = o.write(func(store *checkpoint.Store) error {
		asked, err := requested(store)
		if err != nil {
			return err
		}
		for _, n := range numbers {
			result := status.AddResult{Number: n, Added: true, Word: "queued for the next run"}
			known, err := store.ByNumber(n)
			switch {
			case err != nil:
				return err
			case asked[n]:
				result.Added, result.Word = false, "ignored: already queued for the next run"
			case len(known) > 0 && known[len(known)-1].State != status.JobCancelled:
				last := known[len(known)-1]
				result.Job, result.Added, result.Word = last.ID, false, "ignored: it is "+string(last.State)+" already"
			default:
				asked[n] = true
				if err := store.AddRequest(job.Request{Number: n, At: time.Now()}); err != nil {
					return err
				}
			}
			results = append(results, result)
		}
		return nil
	})
	return results, err
}

func requested(store *checkpoint.Store) (map[uint64]bool, error) {
	requests, err := store.Requests()
	asked := map[uint64]bool{}
	for _, r := range requests {
		asked[r.Number] = true
	}
	return asked, err
}

// ProveBlock copies the input and leaves a request for the next run.
func (o *Offline) ProveBlock(_ context.Context, given control.Given) (result status.AddResult, err error) {
	result = status.AddResult{Number: given.Number}
	err = o.write(func(store *checkpoint.Store) error {
		asked, err := requested(store)
		if err != nil {
			return err
		}
		if asked[given.Number] {
			result.Word = "ignored: already queued for the next run"
			return nil
		}
		files, err := artifact.Open(o.pipeline.Data, o.pipeline.Output)
		if err != nil {
			return err
		}
		kept, err := files.Import("requests", ulid.Make().String(), contract.ArtifactInput, given.Input)
		if err != nil {
			return fmt.Errorf("take over %s: %w", given.Input, err)
		}
		result.Added, result.Word = true, "queued for the next run"
		return store.AddRequest(job.Request{
			Number: given.Number, Hash: given.Hash, Input: filepath.Join(o.pipeline.Data, filepath.FromSlash(kept.Path)), At: time.Now(),
		})
	})
	return result, err
}

// Retry and Skip need the stages of a running pipeline.
func (o *Offline) Retry(context.Context, string) error { return errNotRunning }

// Skip needs a running pipeline, as Retry does.
func (o *Offline) Skip(context.Context, string) error { return errNotRunning }

var errNotRunning = fmt.Errorf("%w: start it first", control.ErrNotRunning)

// stageNames lists the working stages. A stage whose kind is not known counts as
// one.
func stageNames(p *pipeline.Pipeline) (names []engine.StageName) {
	for _, s := range p.Stages {
		if s.Kind != contract.KindReporter {
			names = append(names, engine.StageName{Name: s.Name, Kind: s.Kind})
		}
	}
	return names
}

// list reads jobs from a checkpoint: the unfinished ones, then the finished ones
// by the time of their end, all sorted by number.
func list(store *checkpoint.Store, names []engine.StageName, query control.Query) ([]status.Job, error) {
	records, err := store.Active()
	if err != nil {
		return nil, err
	}
	most := query.Limit
	if most <= 0 {
		most = maxListed
	}
	recent, err := store.History(most, query.States...)
	if err != nil {
		return nil, err
	}
	jobs := []status.Job{}
	for _, rec := range append(records, recent...) {
		if len(query.States) == 0 || slices.Contains(query.States, rec.State) {
			jobs = append(jobs, engine.Describe(rec, names))
		}
	}
	slices.SortStableFunc(jobs, func(a, b status.Job) int { return cmp.Compare(b.Block.Number, a.Block.Number) })
	if query.Limit > 0 && len(jobs) > query.Limit {
		jobs = jobs[:query.Limit]
	}
	return jobs, nil
}

// maxListed bounds how far a list reads into the past.
const maxListed = 100_000

// show reads the jobs of a number, with what became of their events.
func show(store *checkpoint.Store, names []engine.StageName, number uint64) ([]status.Job, error) {
	records, err := store.ByNumber(number)
	if err != nil {
		return nil, err
	}
	jobs := []status.Job{}
	for _, rec := range records {
		j := engine.Describe(rec, names)
		if j.Reports, err = store.Reports(rec.ID); err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}
