// Package offline answers commands about a pipeline that no host runs: it shows what
// the checkpoint holds and leaves requests for the next run. It also takes care of
// checkpoints and packs bundles, whether a host runs or not.
package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

var _ control.Pipeline = (*Pipeline)(nil)

// Pipeline is a pipeline that no host runs. The checkpoint is open only during a
// call, so that a host can start at any time.
type Pipeline struct {
	pipeline *pipeline.Pipeline
	file     string // the checkpoint that is read
	remove   string // with Close; empty for nothing
}

// Open returns the pipeline's checkpoint for commands. The pipeline need not be
// bound to its plugins.
func Open(p *pipeline.Pipeline) *Pipeline { return &Pipeline{pipeline: p, file: File(p.Data)} }

// Close gives back what Open has taken: nothing but for a copy.
func (o *Pipeline) Close() error {
	if o.remove == "" {
		return nil
	}
	return os.RemoveAll(o.remove)
}

// read calls fn with the checkpoint; where there is none yet, it does not call
// it.
func (o *Pipeline) read(fn func(*checkpoint.Store) error) (err error) {
	store, err := checkpoint.OpenReadOnly(o.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

func (o *Pipeline) write(fn func(*checkpoint.Store) error) (err error) {
	store, err := OpenCheckpoint(o.pipeline.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(store)
}

// Snapshot shows what the next run will find.
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
		return o.owed(store, snap.Stages)
	})
	return snap, err
}

// lastRun fills in when the last run began and what came of its blocks.
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

// owed fills in the blocks whose events wait for each reporter.
func (o *Pipeline) owed(store *checkpoint.Store, stages []status.Stage) error {
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

// Score is the standing by EthProofs' rules, by what the checkpoint holds.
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

// ScoreRecord is what the standing is made of, by what the checkpoint holds.
func (o *Pipeline) ScoreRecord(context.Context) (known score.Record, err error) {
	known = score.Record{Pipeline: o.pipeline.Name, Targets: o.pipeline.Select.Targets}
	err = o.read(func(store *checkpoint.Store) error {
		var l history.Ledger
		known, err = l.Record(store, o.pipeline, time.Now())
		return err
	})
	return known, err
}

// AddBlocks leaves a request for each number that is not known yet.
func (o *Pipeline) AddBlocks(_ context.Context, numbers []uint64) (results []status.AddResult, err error) {
	err = o.write(func(store *checkpoint.Store) error {
		asked, err := requested(store)
		if err != nil {
			return err
		}
		newest, reach, err := o.newest(store)
		if err != nil {
			return err
		}
		var requests []record.Request
		for _, n := range numbers {
			result := status.AddResult{Number: n, Added: true, Word: "queued for the next run"}
			known, err := store.ByNumber(n)
			switch {
			case err != nil:
				return err
			case newest > 0 && n > newest+reach:
				result.Added = false
				result.Word = fmt.Sprintf("refused: far above the newest block that this pipeline has seen (%d)", newest)
			case asked[n]:
				result.Added, result.Word = false, "ignored: already queued for the next run"
			case len(known) > 0 && known[len(known)-1].State != status.JobCancelled:
				last := known[len(known)-1]
				result.Job, result.Added, result.Word = last.ID, false, "ignored: it is "+string(last.State)+" already"
			default:
				asked[n] = true
				requests = append(requests, record.Request{Verb: record.VerbAdd, Number: n, At: time.Now()})
			}
			results = append(results, result)
		}
		return store.AddRequests(requests)
	})
	return results, err
}

// newest is the highest block number that the pipeline has seen, 0 where it has seen
// none, and how far above it a block may be added: as many as the chain can have
// grown since, and those that an operator may wait for.
func (o *Pipeline) newest(store *checkpoint.Store) (newest, reach uint64, err error) {
	const fastest = time.Second // between two blocks of any chain that is followed
	reach = engine.MaxFuture
	for _, s := range o.pipeline.Stages {
		cursor, err := store.Cursor(s.Name)
		if errors.Is(err, record.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, 0, err
		}
		if cursor.Head > newest {
			newest = cursor.Head
			reach = engine.MaxFuture + uint64(max(time.Since(cursor.Updated), 0)/fastest)
		}
	}
	return newest, reach, nil
}

// requested lists the numbers that the next run takes up.
func requested(store *checkpoint.Store) (map[uint64]bool, error) {
	requests, err := store.Requests()
	asked := map[uint64]bool{}
	for _, r := range requests {
		if r.Verb == record.VerbAdd || r.Verb == record.VerbProve {
			asked[r.Number] = true
		}
	}
	return asked, err
}

// ProveBlock copies the input and leaves a request for the next run.
func (o *Pipeline) ProveBlock(_ context.Context, given control.Given) (result status.AddResult, err error) {
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
		kept, err := files.Import(artifact.ForRequests, ulid.Make().String(), contract.ArtifactInput, given.Input)
		if err != nil {
			return fmt.Errorf("take over %s: %w", given.Input, err)
		}
		result.Added, result.Word = true, "queued for the next run"
		return store.AddRequests([]record.Request{{
			Verb: record.VerbProve, Number: given.Number, Hash: given.Hash, Stage: given.Stage,
			Input: filepath.Join(o.pipeline.Data, filepath.FromSlash(kept.Path)), BuildTime: given.BuildTime, At: time.Now(),
		}})
	})
	return result, err
}

// Retry leaves a request for the next run.
func (o *Pipeline) Retry(_ context.Context, again control.Again) error {
	return o.request(again.Job, record.Request{Verb: record.VerbRetry, Job: again.Job, From: again.From, Stage: again.Stage, At: time.Now()},
		func(rec *record.Job) error {
			if !rec.State.Finished() {
				return contract.Permanent(fmt.Errorf("job %s is %s: only what has ended can be tried again", rec.ID, rec.State))
			}
			return nil
		})
}

// Skip leaves a request for the next run.
func (o *Pipeline) Skip(_ context.Context, job string) error {
	return o.request(job, record.Request{Verb: record.VerbSkip, Job: job, At: time.Now()}, func(rec *record.Job) error {
		if !rec.Open() {
			return contract.Permanent(fmt.Errorf("job %s is %s", rec.ID, rec.State))
		}
		return nil
	})
}

// request leaves a request about a job that is known and fits.
func (o *Pipeline) request(job string, r record.Request, fits func(*record.Job) error) error {
	return o.write(func(store *checkpoint.Store) error {
		rec, err := store.Job(job)
		if errors.Is(err, record.ErrNotFound) {
			return contract.Permanent(fmt.Errorf("there is no job %s", job))
		}
		if err != nil {
			return err
		}
		if err := fits(rec); err != nil {
			return err
		}
		r.Number = rec.Block.Number
		return store.AddRequests([]record.Request{r})
	})
}

// Report needs the reporters of a running pipeline.
func (o *Pipeline) Report(context.Context, string, string) (int, error) { return 0, errNotRunning }

// Drain needs a running pipeline.
func (o *Pipeline) Drain(context.Context, bool) (int, error) { return 0, control.ErrNotRunning }

// Reload needs a running pipeline.
func (o *Pipeline) Reload(context.Context) (control.Reloaded, error) {
	return control.Reloaded{}, control.ErrNotRunning
}

// Backup copies the checkpoint. That there is none yet is an error.
func (o *Pipeline) Backup(_ context.Context, to string) error {
	path := File(o.pipeline.Data)
	store, err := checkpoint.OpenReadOnly(path)
	if err != nil {
		return missing(path, err)
	}
	return errors.Join(store.Backup(to), store.Close())
}

var errNotRunning = fmt.Errorf("%w: start it first", control.ErrNotRunning)

// OpenCheckpoint opens the checkpoint of a data directory for writing; when another
// host has it, the error is a checkpoint.ErrInUse that names that host.
func OpenCheckpoint(data string) (*checkpoint.Store, error) {
	store, err := checkpoint.Open(File(data))
	if errors.Is(err, checkpoint.ErrInUse) {
		return nil, inUse(data)
	}
	return store, err
}

// inUse says who uses a data directory.
func inUse(data string) error {
	if other, err := control.Find(data); err == nil {
		return contract.Environment(inUseError(fmt.Sprintf("data directory %s is in use by the proofline with pid %d", data, other.PID)),
			"stop it first, or give this pipeline a data directory of its own")
	}
	return contract.Environment(inUseError(fmt.Sprintf("data directory %s is in use by another process", data)),
		"another host, or a command that reads the checkpoint, is at work there: try again in a moment")
}

// inUseError is checkpoint.ErrInUse in other words.
type inUseError string

func (e inUseError) Error() string { return string(e) }
func (e inUseError) Unwrap() error { return checkpoint.ErrInUse }

// File is the checkpoint of a data directory.
func File(data string) string { return filepath.Join(data, "checkpoint.db") }
