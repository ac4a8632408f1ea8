package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/host/job"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// AddBlocks makes jobs of the numbered blocks, for the whole pipeline. A block
// that is a job already is left alone, with a word. It asks the source, so that
// it fails while the source cannot answer.
func (e *Engine) AddBlocks(ctx context.Context, numbers []uint64) ([]status.AddResult, error) {
	resolved, err := e.source.Resolve(ctx, numbers)
	if err != nil {
		return nil, fmt.Errorf("ask the source for the blocks: %w", err)
	}
	e.write.Lock()
	defer e.write.Unlock()
	var change job.Change
	results, err := e.add(resolved, &change)
	if err != nil {
		return nil, err
	}
	return results, e.commit(ctx, change, nil)
}

func (e *Engine) add(resolved []contract.Resolution, change *job.Change) (results []status.AddResult, err error) {
	taken := map[string]bool{}
	for _, r := range resolved {
		result := status.AddResult{Number: r.Number}
		if r.Block == nil {
			result.Word = r.Reason
			results = append(results, result)
			continue
		}
		result.Job = r.Block.JobID()
		known, err := e.store.Job(result.Job)
		if err != nil {
			return nil, err
		}
		switch {
		case taken[result.Job]:
			result.Word = "named twice"
		case known == nil:
			rec := job.New(*r.Block, job.Added, time.Now())
			rec.Stage = e.stages[0].Name
			change.Jobs = append(change.Jobs, rec)
			result.Added, result.Word = true, "queued"
		default:
			result.Word = word(known)
		}
		taken[result.Job] = true
		results = append(results, result)
	}
	return results, nil
}

// word tells the operator why a block is not queued again.
func word(known *job.Job) string {
	switch known.State {
	case status.JobDone:
		return "ignored: finished at " + known.Finished.UTC().Format(time.RFC3339)
	case status.JobFailed:
		return "ignored: it failed (" + known.Reason + "); use blocks retry"
	case status.JobRunning:
		return "ignored: running at stage " + known.Stage
	case status.JobWaiting:
		return "ignored: already queued"
	}
	return fmt.Sprintf("ignored: %s (%s)", known.State, known.Reason)
}

// ProveBlock makes a job of a block whose guest input exists already. It begins
// at the proof stage; builders and gates are not needed. Without a hash the
// source is asked for it.
func (e *Engine) ProveBlock(ctx context.Context, number uint64, hash *contract.Hash, input string) (status.AddResult, error) {
	result := status.AddResult{Number: number}
	proof := e.proofStage()
	if proof == nil {
		return result, errors.New("the pipeline has no stage that makes a proof")
	}
	block, reason, err := e.named(ctx, number, hash)
	if err != nil {
		return result, err
	}
	if block == nil {
		result.Word = reason
		return result, nil
	}
	result.Job = block.JobID()
	e.write.Lock()
	defer e.write.Unlock()
	known, err := e.store.Job(result.Job)
	if err != nil {
		return result, err
	}
	if known != nil {
		result.Word = word(known)
		return result, nil
	}
	giver := e.stages[proof.index-1]
	artifact, err := e.files.Import(result.Job, giver.Name, contract.ArtifactInput, input)
	if err != nil {
		return result, fmt.Errorf("take over %s: %w", input, err)
	}
	rec := job.New(*block, job.Given, time.Now())
	for _, s := range e.stages[:proof.index] {
		rec.Stages[s.Name] = job.Stage{Skipped: true}
	}
	rec.Stages[giver.Name] = job.Stage{Skipped: true, Outputs: []contract.Artifact{artifact}}
	rec.Stage = proof.Name
	result.Added, result.Word = true, "queued"
	return result, e.commit(ctx, job.Change{Jobs: []*job.Job{rec}}, nil)
}

func (e *Engine) proofStage() *stage {
	for _, s := range e.stages {
		if s.MakesProof {
			return s
		}
	}
	return nil
}

// named finds the block of a number: by the source, or where the operator states
// the hash and the source does not know better, by that alone.
func (e *Engine) named(ctx context.Context, number uint64, hash *contract.Hash) (*contract.Block, string, error) {
	resolved, err := e.source.Resolve(ctx, []uint64{number})
	if err == nil && len(resolved) == 1 && resolved[0].Block != nil {
		block := resolved[0].Block
		if hash == nil || block.Hash == *hash {
			return block, "", nil
		}
		return &contract.Block{ChainID: block.ChainID, Number: number, Hash: *hash}, "", nil
	}
	if hash != nil {
		return &contract.Block{ChainID: e.chainID(), Number: number, Hash: *hash}, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("ask the source for block %d: %w (or name its hash with --hash)", number, err)
	}
	return nil, resolved[0].Reason, nil
}

// chainID is that of the newest job known; 0 where there is none.
func (e *Engine) chainID() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.jobs {
		return a.rec.Block.ChainID
	}
	if n := len(e.recent); n > 0 {
		return e.recent[n-1].Block.ChainID
	}
	return 0
}

// Retry queues a failed, dropped or skipped job again, from its first stage.
func (e *Engine) Retry(ctx context.Context, id string) error {
	e.write.Lock()
	defer e.write.Unlock()
	known, err := e.store.Job(id)
	switch {
	case err != nil:
		return err
	case known == nil:
		return fmt.Errorf("there is no job %s", id)
	case !known.State.Finished() || known.State == status.JobDone:
		return fmt.Errorf("job %s is %s: only what failed, was dropped or cancelled can be tried again", id, known.State)
	}
	rec := known.Clone()
	e.restart(rec)
	if rec.Origin == job.Selected {
		rec.Origin = job.Added // the operator wants it, whatever its age
	}
	return e.commit(ctx, job.Change{Jobs: []*job.Job{rec}}, nil)
}

// Skip gives a waiting or running job up, without a failure.
func (e *Engine) Skip(ctx context.Context, id string) error {
	e.write.Lock()
	defer e.write.Unlock()
	e.mu.Lock()
	a := e.jobs[id]
	e.mu.Unlock()
	if a == nil {
		return fmt.Errorf("there is no unfinished job %s", id)
	}
	rec := a.rec.Clone()
	rec.State, rec.Reason, rec.Finished = status.JobCancelled, errSkipped.Error(), time.Now()
	return e.commit(ctx, job.Change{Jobs: []*job.Job{rec}, Unsend: []string{id}}, func() {
		if a.cancel != nil {
			a.cancel(errSkipped)
		}
	})
}

// takeRequests makes jobs of the stored requests and returns how many are left
// because their block does not exist yet; those are logged once, as said notes.
func (e *Engine) takeRequests(ctx context.Context, said map[uint64]bool) (left int, err error) {
	requests, err := e.store.Requests()
	if err != nil {
		return 0, err
	}
	for _, r := range requests {
		result, err := e.take(ctx, r)
		if err != nil {
			return 0, fmt.Errorf("request for block %d: %w", r.Number, err)
		}
		if !said[r.ID] {
			said[r.ID] = true
			e.log.Info("request from before the start", "block", r.Number, "outcome", result.Word)
		}
		if result.Job == "" {
			left++
			continue
		}
		e.write.Lock()
		err = e.commit(ctx, job.Change{Requests: []uint64{r.ID}}, nil)
		e.write.Unlock()
		if err != nil {
			return 0, err
		}
		if r.Input != "" { // <request>/0/out/input.bin
			if err := e.files.Discard(filepath.Dir(filepath.Dir(filepath.Dir(r.Input)))); err != nil {
				e.log.Warn("copy of a given input cannot be removed", "block", r.Number, "error", err)
			}
		}
	}
	return left, nil
}

func (e *Engine) take(ctx context.Context, r job.Request) (status.AddResult, error) {
	if r.Input != "" {
		return e.ProveBlock(ctx, r.Number, r.Hash, r.Input)
	}
	results, err := e.AddBlocks(ctx, []uint64{r.Number})
	if err != nil {
		return status.AddResult{}, err
	}
	return results[0], nil
}
