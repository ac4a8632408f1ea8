package engine

import (
	"context"
	"math"
	"sync"
	"time"
)

// Clock is the time that an engine goes by, and what its goroutines wait for. An engine
// starts its goroutines by Go and blocks in Wait and in its workers, beside locks that are
// free unless a commit is under way. So a Clock that runs one goroutine at a time, and
// moves on when all wait, takes a whole engine through virtual time.
type Clock interface {
	Now() time.Time
	// Go calls f in a goroutine of its own.
	Go(f func())
	// Wait returns when d has passed, ctx has ended or wake is closed, whichever is
	// first. A nil wake is never closed, and Forever never passes.
	Wait(ctx context.Context, d time.Duration, wake <-chan struct{})
	// WithDeadline is context.WithDeadlineCause by this clock.
	WithDeadline(ctx context.Context, at time.Time, cause error) (context.Context, context.CancelFunc)
}

// Forever is a time that does not pass.
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

// start calls f in a goroutine that the group counts.
func (e *Engine) start(group *sync.WaitGroup, f func()) {
	group.Add(1)
	e.clock.Go(func() {
		defer group.Done()
		f()
	})
}
