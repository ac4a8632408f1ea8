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

// MaxFuture is how far above the head a block may be added: nobody waits for one
// that is more than a few days away.
const MaxFuture = 50_000

// AddBlocks makes jobs of the numbered blocks, for the whole pipeline. A block
// that is a job already is left alone, with a word. It asks the source, so that
// it fails while the source cannot answer.
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

func (e *Engine) addResolved(ctx context.Context, resolved []contract.Resolution) (results []status.AddResult, err error) {
	t, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer e.write.release()
	taken := map[string]bool{}
	for _, r := range resolved {
		result := status.AddResult{Number: r.Number}
		if r.Block == nil {
			result.Word = r.Reason
			if head := e.newestSeen(); head > 0 && r.Number > head+MaxFuture {
				result.Word = fmt.Sprintf("refused: far above the head, which is block %d", head)
			}
			results = append(results, result)
			continue
		}
		result.Job = r.Block.JobID()
		known, err := e.store.Job(result.Job)
		switch {
		case taken[result.Job]:
			result.Word = "named twice"
		case errors.Is(err, record.ErrNotFound):
			rec := record.New(*r.Block, record.Added, t.now)
			e.fit(rec)
			t.add(rec)
			result.Added, result.Word = true, "queued"
		case err != nil:
			return nil, err
		default:
			result.Word = ignored(known)
		}
		taken[result.Job] = true
		results = append(results, result)
	}
	if len(t.jobs) == 0 {
		return results, nil
	}
	return results, t.commitOnce()
}

// newestSeen is the newest block that the source has named; 0 before the first poll.
func (e *Engine) newestSeen() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.head
}

// ignored tells the operator why a block is not queued again.
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

// Given is a block whose guest input exists already.
type Given struct {
	Number uint64
	Hash   *contract.Hash // nil to ask the source
	Input  string         // path of the guest input
	Stage  string         // the proof stage that proves it; empty for the first that takes the block
	// BuildTime is how long it took to make the input; 0 for not known.
	BuildTime time.Duration
}

// ProveBlock makes a job of a block whose guest input exists already. It begins at
// the proof stage; what that needs is not done, and no other stage works on it. The
// time in which the input was made is the builder's, and so a part of the proving
// time.
func (e *Engine) ProveBlock(ctx context.Context, given Given) (status.AddResult, error) {
	result := status.AddResult{Number: given.Number}
	if _, err := e.proofStage(given.Stage, nil); err != nil {
		return result, err
	}
	block, reason, err := e.named(ctx, given.Number, given.Hash)
	if err != nil {
		return result, err
	}
	if block == nil {
		result.Word = reason
		return result, nil
	}
	proof, err := e.proofStage(given.Stage, block)
	if err != nil {
		return result, err
	}
	result.Job = block.JobID()
	t, err := e.begin(ctx)
	if err != nil {
		return result, err
	}
	defer e.write.release()
	known, err := e.store.Job(result.Job)
	if err == nil {
		result.Word = ignored(known)
		return result, nil
	}
	if !errors.Is(err, record.ErrNotFound) {
		return result, err
	}
	giver := proof.needs[0]
	for _, s := range proof.before {
		if s.Kind == contract.KindBuilder {
			giver = s
		}
	}
	if given.BuildTime > 0 && giver.Kind != contract.KindBuilder {
		return result, contract.Permanent(fmt.Errorf("there is no builder before the stage %s, so that no time to build an input counts", proof.Name))
	}
	input, err := e.files.Import(result.Job, giver.Name, contract.ArtifactInput, given.Input)
	if err != nil {
		return result, fmt.Errorf("take over %s: %w", given.Input, err)
	}
	rec := record.New(*block, record.Given, t.now)
	for _, s := range e.stages {
		r := record.Stage{State: record.StageSkipped, Shadow: s.Shadow, Error: "the guest input was given"}
		switch s {
		case proof:
			r = record.Stage{State: record.StageWaiting, Shadow: s.Shadow}
		case giver:
			r.Outputs, r.WorkTime = []contract.Artifact{input}, given.BuildTime
		}
		rec.Stages[s.Name] = r
	}
	t.add(rec)
	result.Added, result.Word = true, "queued"
	return result, t.commitOnce()
}

// proofStage finds a stage that makes a proof: the named one, whatever blocks it
// takes, or the first that is no shadow and takes the block; nil stands for any.
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
	switch {
	case hash != nil:
		return &contract.Block{ChainID: e.chainID(), Number: number, Hash: *hash}, "", nil
	case err != nil:
		return nil, "", fmt.Errorf("ask the source for block %d: %w (or name its hash with --hash)", number, err)
	case len(resolved) == 1:
		return nil, resolved[0].Reason, nil
	}
	return nil, "", contract.Retryable(fmt.Errorf("the source gave %d answers about block %d", len(resolved), number))
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

// Skip gives an open job up, without a failure.
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

// Withdraw gives up a stage of an open job whose work would be in vain, for a reason
// in words. Work that is done or announced as made stays. What needs the stage goes on
// as if it had been skipped.
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
