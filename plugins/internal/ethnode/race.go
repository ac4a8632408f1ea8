package ethnode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// race asks the candidates for the same thing: the second one when the first
// has failed or has not answered within its HedgeAfter, and so on, two at a
// time. The first success is handed to use, while the others are called off.
// What they still bring is handed to drop. race returns when all have returned.
func race[T any](ctx context.Context, list []Candidate, fetch func(context.Context, Candidate) (T, error), use func(T) error, drop func(T)) error {
	const most = 2
	type outcome struct {
		value T
		err   error
	}
	outcomes := make(chan outcome, len(list))
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	started, running := 0, 0
	hedge := time.NewTimer(time.Hour)
	defer hedge.Stop()
	start := func() {
		c := list[started]
		started++
		running++
		hedge.Stop()
		if c.HedgeAfter > 0 {
			hedge.Reset(c.HedgeAfter)
		}
		group.Go(func() {
			begun := time.Now()
			value, err := fetch(ctx, c)
			told := err
			if err != nil && errors.Is(context.Cause(ctx), errLost) {
				told = errLost
			}
			if c.Told != nil {
				c.Told(told, time.Since(begun))
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
			if final(o.err) {
				return o.err
			}
			if started < len(list) && running < most {
				start()
			}
		case <-hedge.C:
			if started < len(list) && running < most {
				start()
			}
		}
	}
	return combine(failures)
}

// storeError is a failure to store what was fetched: no other node would do
// better.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// final reports whether asking another node is of no use.
func final(err error) bool {
	_, store := errors.AsType[*storeError](err)
	return store || contract.ClassOf(err) == contract.ClassInterrupted
}

// combine is the error of several nodes together. A block is given up only if
// all say that nothing can be done, and the stage pauses only if all nodes are
// ill.
func combine(failures []error) error {
	if len(failures) == 1 {
		return failures[0]
	}
	count := make(map[contract.Class]int)
	var first *contract.Error // of the class that is returned
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
		class = contract.ClassEnvironment // the ill ones may have it
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
