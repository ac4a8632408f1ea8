package engine

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// feedRequests deals with what the operator asked for while no host ran. A request
// stays until its block exists; one that can never be met is dropped with a word in
// the log.
func (e *Engine) feedRequests(ctx context.Context) {
	logged := map[uint64]string{} // what was last said of a request
	for ctx.Err() == nil {
		if e.source.Ready(ctx) != nil {
			return
		}
		requests, err := e.store.Requests()
		if err != nil {
			e.log.Warn("requests from before the start cannot be read", "error", err)
		}
		left := 0
		for _, r := range requests {
			done, word := e.takeRequest(ctx, r)
			if ctx.Err() != nil {
				return
			}
			if logged[r.ID] != word {
				logged[r.ID] = word
				e.log.Info("request from before the start", "request", r.ID, "asks_to", r.Verb, "block", r.Number, "outcome", word)
			}
			if !done {
				left++
			}
		}
		if err == nil && left == 0 {
			return
		}
		e.clock.Wait(ctx, pollWait, nil)
	}
}

// takeRequest tries to meet a request. It reports whether it is dealt with, and in
// words what became of it.
func (e *Engine) takeRequest(ctx context.Context, r record.Request) (done bool, word string) {
	result, err := e.meet(ctx, r)
	switch {
	case err != nil && contract.ClassOf(err) != contract.ClassPermanent:
		return false, err.Error()
	case err != nil:
		word = "dropped: " + err.Error()
	case result.Job == "":
		return false, result.Word
	default:
		word = result.Word
	}
	t, err := e.begin(ctx)
	if err != nil {
		return false, word
	}
	t.change.Requests = []uint64{r.ID}
	err = t.commitOnce()
	e.write.release()
	if err != nil {
		return false, err.Error()
	}
	if r.Input != "" { // <request>/0/out/input.bin
		if err := e.files.Discard(filepath.Dir(filepath.Dir(filepath.Dir(r.Input)))); err != nil {
			e.log.Warn("copy of a given input cannot be removed", "block", r.Number, "error", err)
		}
	}
	return true, word
}

func (e *Engine) meet(ctx context.Context, r record.Request) (status.AddResult, error) {
	met := status.AddResult{Number: r.Number, Job: r.Job, Word: "queued again"}
	switch r.Verb {
	case record.VerbProve:
		return e.ProveBlock(ctx, Given{Number: r.Number, Hash: r.Hash, Input: r.Input, Stage: r.Stage, BuildTime: r.BuildTime})
	case record.VerbRetry:
		return met, e.Retry(ctx, Again{Job: r.Job, From: r.From, Stage: r.Stage})
	case record.VerbSkip:
		met.Word = "skipped"
		return met, e.Skip(ctx, r.Job)
	case record.VerbAdd:
		results, err := e.AddBlocks(ctx, []uint64{r.Number})
		if err != nil {
			return status.AddResult{}, err
		}
		return results[0], nil
	}
	return met, contract.Permanent(fmt.Errorf("nothing is known that is called %q", r.Verb))
}
