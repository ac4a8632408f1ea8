package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// MaxFuture is the largest distance above the head, in blocks, at which a block may be
// added. It is about a week of the chain.
const MaxFuture = 50_000

// AddBlocks makes jobs of the numbered blocks, for the whole pipeline. A block that is
// a job already is left alone, and its result says so. AddBlocks asks the source and
// fails while the source cannot answer.
func (e *Engine) AddBlocks(ctx context.Context, numbers []uint64) ([]status.AddResult, error) {
	var results []status.AddResult
	for part := range slices.Chunk(numbers, resolveMax) {
		resolved, err := e.source.Resolve(ctx, part)
		if err != nil {
			return results, fmt.Errorf("ask the source for the blocks: %w", err)
		}
		added, err := e.addResolved(ctx, resolved)
		if err != nil {
			return results, err
		}
		results = append(results, added...)
	}
	return results, nil
}

// addResolved makes jobs of those resolved blocks that exist and are no jobs yet.
func (e *Engine) addResolved(ctx context.Context, resolved []contract.Resolution) (results []status.AddResult, err error) {
	t, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer e.write.release()
	seen := map[string]bool{} // ids of the jobs in results
	for _, r := range resolved {
		result := status.AddResult{Number: r.Number}
		if r.Block == nil {
			result.Outcome = r.Reason
			if head := e.newestSeen(); head > 0 && r.Number > head+MaxFuture {
				result.Outcome = fmt.Sprintf("refused: far above the head, which is block %d", head)
			}
			results = append(results, result)
			continue
		}
		result.Job = r.Block.JobID()
		known, err := e.store.Job(result.Job)
		switch {
		case seen[result.Job]:
			result.Outcome = "named twice"
		case errors.Is(err, record.ErrNotFound):
			rec := record.New(*r.Block, record.Added, t.now)
			e.fit(rec)
			t.add(rec)
			result.Added, result.Outcome = true, "queued"
		case err != nil:
			return nil, err
		default:
			result.Outcome = ignored(known)
		}
		seen[result.Job] = true
		results = append(results, result)
	}
	if len(t.jobs) == 0 {
		return results, nil
	}
	return results, t.commitOnce()
}

// newestSeen returns the newest block that the source has named; 0 before the first
// poll.
func (e *Engine) newestSeen() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.head
}

// ignored returns the message why a block that is a job already is not queued again.
func ignored(known *record.Job) string {
	switch known.State {
	case status.JobDone:
		return "ignored: finished at " + known.Finished.UTC().Format(time.RFC3339)
	case status.JobFailed:
		return "ignored: it failed (" + known.Reason + "); use blocks retry"
	case status.JobRunning:
		return "ignored: it is being worked on"
	case status.JobWaiting:
		return "ignored: already queued"
	}
	return fmt.Sprintf("ignored: %s (%s)", known.State, known.Reason)
}

// ProveRequest names a block whose guest input exists already.
type ProveRequest struct {
	Number uint64
	Hash   *contract.Hash // nil to ask the source
	Input  string         // path of the guest input
	Stage  string         // the proof stage that proves it; empty for the first that takes the block
	// BuildTime is how long it took to make the input; 0 for not known.
	BuildTime time.Duration
}

// ProveBlock makes a job of a block whose guest input exists already. Only the proof
// stage works on it; every other stage is skipped. The build time of the input counts
// as the work time of the builder, and so as part of the proving time.
func (e *Engine) ProveBlock(ctx context.Context, request ProveRequest) (status.AddResult, error) {
	result := status.AddResult{Number: request.Number}
	if _, err := e.proofStage(request.Stage, nil); err != nil {
		return result, err
	}
	resolved, err := e.resolve(ctx, request.Number, request.Hash)
	if err != nil {
		return result, err
	}
	if resolved.Block == nil {
		result.Outcome = resolved.Reason
		return result, nil
	}
	proof, err := e.proofStage(request.Stage, resolved.Block)
	if err != nil {
		return result, err
	}
	result.Job = resolved.Block.JobID()
	t, err := e.begin(ctx)
	if err != nil {
		return result, err
	}
	defer e.write.release()
	known, err := e.store.Job(result.Job)
	if err == nil {
		result.Outcome = ignored(known)
		return result, nil
	}
	if !errors.Is(err, record.ErrNotFound) {
		return result, err
	}
	maker := proof.needs[0] // the stage whose output the input replaces
	for _, s := range proof.before {
		if s.Kind == contract.KindBuilder {
			maker = s
		}
	}
	if request.BuildTime > 0 && maker.Kind != contract.KindBuilder {
		return result, contract.Permanent(fmt.Errorf("there is no builder before the stage %s, so that the build time of an input cannot count", proof.Name))
	}
	input, err := e.files.Import(result.Job, maker.Name, contract.ArtifactInput, request.Input)
	if err != nil {
		return result, fmt.Errorf("take over %s: %w", request.Input, err)
	}
	rec := record.New(*resolved.Block, record.Given, t.now)
	for _, s := range e.stages {
		r := record.Stage{State: record.StageSkipped, Shadow: s.Shadow, Error: "the guest input was given"}
		switch s {
		case proof:
			r = record.Stage{State: record.StageWaiting, Shadow: s.Shadow}
		case maker:
			r.Outputs, r.WorkTime = []contract.Artifact{input}, request.BuildTime
		}
		rec.Stages[s.Name] = r
	}
	t.add(rec)
	result.Added, result.Outcome = true, "queued"
	return result, t.commitOnce()
}

// proofStage finds a stage that makes a proof: the named one, whatever blocks it takes,
// or, for an empty name, the first that is no shadow and takes the block. Every stage
// takes a nil block.
func (e *Engine) proofStage(name string, block *contract.Block) (*stage, error) {
	if name != "" {
		s, err := e.stageNamed(name)
		if err == nil && !s.MakesProof {
			err = contract.Permanent(fmt.Errorf("stage %s makes no proof", name))
		}
		return s, err
	}
	for _, s := range e.stages {
		if s.MakesProof && !s.Shadow && (block == nil || s.Blocks.Has(*block)) {
			return s, nil
		}
	}
	if e.makesProof() {
		return nil, contract.Permanent(fmt.Errorf("no stage that makes a proof takes block %d: name one with --stage", block.Number))
	}
	return nil, contract.Permanent(errors.New("the pipeline has no stage that makes a proof"))
}

// resolve asks the source for one block. A hash that the operator states wins over the
// hash on the chain, and makes the block known even when the source fails or does not
// know the number.
func (e *Engine) resolve(ctx context.Context, number uint64, hash *contract.Hash) (contract.Resolution, error) {
	answers, err := e.source.Resolve(ctx, []uint64{number})
	found := err == nil && len(answers) == 1
	switch {
	case found && answers[0].Block != nil && (hash == nil || answers[0].Block.Hash == *hash):
		return answers[0], nil
	case found && answers[0].Block != nil:
		chain := answers[0].Block.ChainID
		return contract.Resolution{Number: number, Block: &contract.Block{ChainID: chain, Number: number, Hash: *hash}}, nil
	case hash != nil:
		return contract.Resolution{Number: number, Block: &contract.Block{ChainID: e.chainID(), Number: number, Hash: *hash}}, nil
	case err != nil:
		return contract.Resolution{}, fmt.Errorf("ask the source for block %d: %w (or name its hash with --hash)", number, err)
	case found:
		return answers[0], nil
	}
	return contract.Resolution{}, contract.Retryable(fmt.Errorf("the source gave %d answers about block %d", len(answers), number))
}

// chainID returns the chain id of any job that is known; 0 when there is no job.
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

// Skip cancels an open job. The job does not count as failed.
func (e *Engine) Skip(ctx context.Context, id string) error {
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	e.mu.Lock()
	a := e.jobs[id]
	e.mu.Unlock()
	if a == nil {
		return contract.Permanent(fmt.Errorf("there is no unfinished job %s", id))
	}
	t.stop(t.edit(a), status.JobCancelled, errSkipped)
	return t.commitOnce()
}

// Withdraw skips a stage of an open job whose work is no longer of use, and records the
// reason. Work that is done stays. The stages that need the skipped one go on without
// it.
func (e *Engine) Withdraw(ctx context.Context, id, name, reason string) error {
	s, err := e.stageNamed(name)
	if err != nil {
		return err
	}
	t, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer e.write.release()
	e.mu.Lock()
	a := e.jobs[id]
	e.mu.Unlock()
	if a == nil || !a.rec.Stages[s.Name].State.Open() {
		return nil
	}
	rec := t.edit(a)
	r := rec.Stages[s.Name]
	r.State, r.Ended, r.Error, r.Resume = record.StageSkipped, t.now, reason, nil
	rec.Stages[s.Name] = r
	e.log.Warn("work on a block is given up", "stage", s.Name, "block", rec.Block.Number, "reason", reason)
	return t.commit(ctx)
}
