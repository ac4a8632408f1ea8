package engine

import (
	"context"
	"math"
	"sync"
	"time"
)

// Clock gives an engine the time, and starts and suspends its goroutines. An engine
// starts goroutines only by Go. It blocks only in Wait, in its workers, and on locks
// that are free unless a commit is under way. A Clock can therefore run an engine in
// virtual time: it runs one goroutine at a time and advances when all of them wait.
type Clock interface {
	Now() time.Time
	// Go calls f in a goroutine of its own.
	Go(f func())
	// Wait returns when d has passed, ctx has ended or wake is closed, whichever is
	// first. A nil wake is never closed, and Forever never passes.
	Wait(ctx context.Context, d time.Duration, wake <-chan struct{})
	// WithDeadline does what context.WithDeadlineCause does, in the time of this clock.
	WithDeadline(ctx context.Context, at time.Time, cause error) (context.Context, context.CancelFunc)
}

// Forever is a duration that never passes.
const Forever = time.Duration(math.MaxInt64)

// machineClock is the clock of the machine.
type machineClock struct{}

func (machineClock) Now() time.Time { return time.Now() }

func (machineClock) Go(f func()) { go f() }

func (machineClock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	var passed <-chan time.Time
	if d < Forever {
		timer := time.NewTimer(d)
		defer timer.Stop()
		passed = timer.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-passed:
	}
}

func (machineClock) WithDeadline(ctx context.Context, at time.Time, cause error) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, at, cause)
}

// start calls f in a goroutine of its own and counts it in the group.
func (e *Engine) start(group *sync.WaitGroup, f func()) {
	group.Add(1)
	e.clock.Go(func() {
		defer group.Done()
		f()
	})
}
