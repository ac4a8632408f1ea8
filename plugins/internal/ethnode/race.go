package ethnode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// race calls fetch for the candidates, at most two at the same time. It starts the
// next one when the one before has failed or has not returned within its HedgeAfter.
// It passes the first success to use, cancels the others, and passes every further
// success to drop. It returns after all calls have returned.
func race[T any](ctx context.Context, candidates []Candidate, fetch func(context.Context, Candidate) (T, error), use func(T) error, drop func(T)) error {
	const maxRunning = 2
	type outcome struct {
		value T
		err   error
	}
	outcomes := make(chan outcome, len(candidates))
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	started, running := 0, 0
	hedge := time.NewTimer(time.Hour)
	defer hedge.Stop()
	start := func() {
		c := candidates[started]
		started++
		running++
		hedge.Stop()
		if c.HedgeAfter > 0 {
			hedge.Reset(c.HedgeAfter)
		}
		group.Go(func() {
			begun := time.Now()
			value, err := fetch(ctx, c)
			outcomeErr := err
			if err != nil && errors.Is(context.Cause(ctx), errLost) {
				outcomeErr = errLost
			}
			if c.Done != nil {
				c.Done(outcomeErr, time.Since(begun))
			}
			outcomes <- outcome{value, err}
		})
	}
	defer func() {
		cancel(errLost)
		group.Wait()
		close(outcomes)
		for o := range outcomes {
			if o.err == nil {
				drop(o.value)
			}
		}
	}()
	var failures []error
	for start(); running > 0; {
		select {
		case o := <-outcomes:
			running--
			if o.err == nil {
				cancel(errLost)
				return use(o.value)
			}
			failures = append(failures, o.err)
			if isFinal(o.err) {
				return o.err
			}
			if started < len(candidates) && running < maxRunning {
				start()
			}
		case <-hedge.C:
			if started < len(candidates) && running < maxRunning {
				start()
			}
		}
	}
	return combineErrors(failures)
}

// storeError is a failure to store what was fetched. Asking another node does not help.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// isFinal reports whether asking another node does not help.
func isFinal(err error) bool {
	_, isStore := errors.AsType[*storeError](err)
	return isStore || contract.ClassOf(err) == contract.ClassInterrupted
}

// combineErrors joins the errors of several nodes into one. It is permanent only if
// all are, and of class environment if all are permanent or environment and at least
// one is environment. Otherwise it is retryable.
func combineErrors(failures []error) error {
	if len(failures) == 1 {
		return failures[0]
	}
	count := make(map[contract.Class]int)
	var first *contract.Error // the first error of the returned class
	for _, err := range failures {
		count[contract.ClassOf(err)]++
	}
	class := contract.ClassRetryable
	for _, c := range []contract.Class{contract.ClassPermanent, contract.ClassEnvironment} {
		if count[c] == len(failures) {
			class = c
		}
	}
	if count[contract.ClassPermanent]+count[contract.ClassEnvironment] == len(failures) && count[contract.ClassEnvironment] > 0 {
		class = contract.ClassEnvironment // a node that does not work now may have the block
	}
	all := &contract.Error{Class: class}
	for _, err := range failures {
		e, ok := errors.AsType[*contract.Error](err)
		if !ok || e.Class != class {
			continue
		}
		if first == nil {
			first = e
		}
		if e.After > 0 && (all.After == 0 || e.After < all.After) {
			all.After = e.After
		}
	}
	if first != nil {
		all.Remedy = first.Remedy
	}
	all.Err = fmt.Errorf("%d endpoints failed: %w", len(failures), errors.Join(failures...))
	return all
}
