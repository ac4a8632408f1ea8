package offline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// AddBlocks stores a request for each number that has no job yet.
func (o *Pipeline) AddBlocks(_ context.Context, numbers []uint64) (results []status.AddResult, err error) {
	err = o.write(func(store *checkpoint.Store) error {
		pending, err := requested(store)
		if err != nil {
			return err
		}
		newest, distance, err := o.newest(store)
		if err != nil {
			return err
		}
		var requests []record.Request
		for _, n := range numbers {
			result := status.AddResult{Number: n, Added: true, Outcome: "queued for the next run"}
			known, err := store.ByNumber(n)
			switch {
			case err != nil:
				return err
			case newest > 0 && n > newest+distance:
				result.Added = false
				result.Outcome = fmt.Sprintf("refused: far above the newest block that this pipeline has seen (%d)", newest)
			case pending[n]:
				result.Added, result.Outcome = false, "ignored: already queued for the next run"
			case len(known) > 0 && known[len(known)-1].State != status.JobCancelled:
				last := known[len(known)-1]
				result.Job, result.Added, result.Outcome = last.ID, false, "ignored: it is "+string(last.State)+" already"
			default:
				pending[n] = true
				requests = append(requests, record.Request{Verb: record.VerbAdd, Number: n, At: time.Now()})
			}
			results = append(results, result)
		}
		return store.AddRequests(requests)
	})
	return results, err
}

// newest returns the highest block number that the pipeline has seen, or 0 when it has
// seen none, and the largest distance above it at which a block may be added. The distance
// is engine.MaxFuture plus the blocks by which the chain may have grown since.
func (o *Pipeline) newest(store *checkpoint.Store) (newest, distance uint64, err error) {
	const fastest = time.Second // shortest time between two blocks of any followed chain
	distance = engine.MaxFuture
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
			distance = engine.MaxFuture + uint64(max(time.Since(cursor.Updated), 0)/fastest)
		}
	}
	return newest, distance, nil
}

// requested returns the block numbers for which a request to add or prove is stored.
func requested(store *checkpoint.Store) (map[uint64]bool, error) {
	requests, err := store.Requests()
	numbers := map[uint64]bool{}
	for _, r := range requests {
		if r.Verb == record.VerbAdd || r.Verb == record.VerbProve {
			numbers[r.Number] = true
		}
	}
	return numbers, err
}

// ProveBlock copies the input and stores a request for the next run.
func (o *Pipeline) ProveBlock(_ context.Context, request control.ProveRequest) (result status.AddResult, err error) {
	result = status.AddResult{Number: request.Number}
	err = o.write(func(store *checkpoint.Store) error {
		pending, err := requested(store)
		if err != nil {
			return err
		}
		if pending[request.Number] {
			result.Outcome = "ignored: already queued for the next run"
			return nil
		}
		files, err := artifact.Open(o.pipeline.Data, o.pipeline.Output)
		if err != nil {
			return err
		}
		input, err := files.Import(artifact.ForRequests, ulid.Make().String(), contract.ArtifactInput, request.Input)
		if err != nil {
			return fmt.Errorf("take over %s: %w", request.Input, err)
		}
		result.Added, result.Outcome = true, "queued for the next run"
		return store.AddRequests([]record.Request{{
			Verb: record.VerbProve, Number: request.Number, Hash: request.Hash, Stage: request.Stage,
			Input: filepath.Join(o.pipeline.Data, filepath.FromSlash(input.Path)), BuildTime: request.BuildTime, At: time.Now(),
		}})
	})
	return result, err
}

// Retry stores a request for the next run.
func (o *Pipeline) Retry(_ context.Context, request control.RetryRequest) error {
	return o.request(request.Job, record.Request{Verb: record.VerbRetry, Job: request.Job, From: request.From, Stage: request.Stage, At: time.Now()},
		func(rec *record.Job) error {
			if !rec.State.Finished() {
				return contract.Permanent(fmt.Errorf("job %s is %s: only what has ended can be tried again", rec.ID, rec.State))
			}
			return nil
		})
}

// Skip stores a request for the next run.
func (o *Pipeline) Skip(_ context.Context, job string) error {
	return o.request(job, record.Request{Verb: record.VerbSkip, Job: job, At: time.Now()}, func(rec *record.Job) error {
		if !rec.Open() {
			return contract.Permanent(fmt.Errorf("job %s is %s", rec.ID, rec.State))
		}
		return nil
	})
}

// request stores a request about a job that exists and that passes the check.
func (o *Pipeline) request(job string, r record.Request, check func(*record.Job) error) error {
	return o.write(func(store *checkpoint.Store) error {
		rec, err := store.Job(job)
		if errors.Is(err, record.ErrNotFound) {
			return contract.Permanent(fmt.Errorf("there is no job %s", job))
		}
		if err != nil {
			return err
		}
		if err := check(rec); err != nil {
			return err
		}
		r.Number = rec.Block.Number
		return store.AddRequests([]record.Request{r})
	})
}
