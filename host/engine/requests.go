package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// maxRequestWait is the longest time between two looks at the requests that are left. The
// fewer there are, the shorter it is: each asks the source once for a block.
const maxRequestWait = 10 * time.Second

// feedRequests carries out the requests that the operator made while no host ran, until
// none is left or ctx ends. A request stays until its block exists. A request that can
// never be met is removed, and the log says why.
func (e *Engine) feedRequests(ctx context.Context) {
	logged := map[uint64]string{} // the outcome of each request that was logged last
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
			done, outcome := e.takeRequest(ctx, r)
			if ctx.Err() != nil {
				return
			}
			if logged[r.ID] != outcome {
				logged[r.ID] = outcome
				e.log.Info("request from before the start", "request", r.ID, "asks_to", r.Verb, "block", r.Number, "outcome", outcome)
			}
			if !done {
				left++
			}
		}
		if err == nil && left == 0 {
			return
		}
		wait := maxRequestWait
		if left > 0 {
			wait = min(time.Duration(left)*lookAgain, wait)
		}
		e.clock.Wait(ctx, wait, nil)
	}
}

// takeRequest tries to carry out a request and removes it when it is done or can never
// be done. It reports whether the request was removed, and a message about its outcome.
func (e *Engine) takeRequest(ctx context.Context, r record.Request) (done bool, outcome string) {
	result, err := e.carryOut(ctx, r)
	switch {
	case err != nil && contract.ClassOf(err) != contract.ClassPermanent:
		return false, err.Error()
	case err != nil:
		outcome = "dropped: " + err.Error()
	case result.Job == "":
		return false, result.Outcome
	default:
		outcome = result.Outcome
	}
	t, err := e.begin(ctx)
	if err != nil {
		return false, outcome
	}
	t.change.Requests = []uint64{r.ID}
	err = t.commitOnce()
	e.write.release()
	if err != nil {
		return false, err.Error()
	}
	if r.Input != "" { // the copy of the input is <request>/0/out/input.bin
		if err := e.files.Discard(filepath.Dir(filepath.Dir(filepath.Dir(r.Input)))); err != nil {
			e.log.Warn("copy of a given input cannot be removed", "block", r.Number, "error", err)
		}
	}
	return true, outcome
}

// carryOut does what a request asks for. A result without a job means that the block
// does not exist yet.
func (e *Engine) carryOut(ctx context.Context, r record.Request) (status.AddResult, error) {
	result := status.AddResult{Number: r.Number, Job: r.Job, Outcome: "queued again"}
	switch r.Verb {
	case record.VerbProve:
		return e.ProveBlock(ctx, ProveRequest{Number: r.Number, Hash: r.Hash, Input: r.Input, Stage: r.Stage, BuildTime: r.BuildTime})
	case record.VerbRetry:
		return result, e.Retry(ctx, RetryRequest{Job: r.Job, From: r.From, Stage: r.Stage})
	case record.VerbSkip:
		result.Outcome = "skipped"
		return result, e.Skip(ctx, r.Job)
	case record.VerbAdd:
		results, err := e.AddBlocks(ctx, []uint64{r.Number})
		if err != nil {
			return status.AddResult{}, err
		}
		return results[0], nil
	}
	return result, contract.Permanent(fmt.Errorf("unknown kind of request %q: it was made by another version of proofline", r.Verb))
}
