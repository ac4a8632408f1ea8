package simulate

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/engine"
)

// clock is an engine.Clock of virtual time. It runs one goroutine at a time: one of those
// that it has started, or the one that has called newClock. When that goroutine waits, the
// next one whose wait is over runs, in the order in which they began to wait. When all of
// them wait for a time, the clock advances to the earliest of these times.
type clock struct {
	mu        sync.Mutex
	now       time.Time
	waiting   []*waiter // in the order in which they began to wait
	unordered bool      // see release
	started   sync.WaitGroup
}

// waiter is a goroutine that waits, or a deadline of a context.
type waiter struct {
	ctx        context.Context // nil for one that waits for the time alone
	wake       <-chan struct{}
	until      time.Time // zero for one that does not wait for a time
	resume     chan struct{}
	onDeadline func() // of a deadline
}

func newClock(now time.Time) *clock { return &clock{now: now} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Go(f func()) {
	c.started.Add(1)
	c.mu.Lock()
	w := &waiter{until: c.now, resume: make(chan struct{}, 1)}
	if c.unordered {
		w.resume <- struct{}{}
	} else {
		c.waiting = append(c.waiting, w)
	}
	c.mu.Unlock()
	go func() {
		<-w.resume
		f()
		c.mu.Lock()
		if !c.unordered {
			c.resumeNext()
		}
		c.mu.Unlock()
		c.started.Done()
	}()
}

func (c *clock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	c.mu.Lock()
	if c.unordered {
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-wake:
		}
		return
	}
	w := waiters.Get().(*waiter)
	w.ctx, w.wake, w.until = ctx, wake, time.Time{}
	if d < engine.Forever {
		w.until = c.now.Add(max(d, 0))
	}
	c.waiting = append(c.waiting, w)
	c.resumeNext()
	c.mu.Unlock()
	<-w.resume
	w.ctx, w.wake = nil, nil
	waiters.Put(w)
}

// waiters are reused, because a simulated day has millions of waits.
var waiters = sync.Pool{New: func() any { return &waiter{resume: make(chan struct{}, 1)} }}

func (c *clock) WithDeadline(ctx context.Context, at time.Time, cause error) (context.Context, context.CancelFunc) {
	timed, cancel := context.WithCancelCause(ctx)
	w := &waiter{until: at, onDeadline: func() { cancel(cause) }}
	c.mu.Lock()
	c.waiting = append(c.waiting, w)
	c.mu.Unlock()
	return timed, func() {
		c.mu.Lock()
		if i := slices.Index(c.waiting, w); i >= 0 {
			c.waiting = slices.Delete(c.waiting, i, i+1)
		}
		c.mu.Unlock()
		cancel(nil)
	}
}

// resumeNext lets the next goroutine run. The running goroutine calls it with c.mu held.
func (c *clock) resumeNext() {
	for {
		i := c.nextWaiter()
		w := c.waiting[i]
		c.waiting = slices.Delete(c.waiting, i, i+1)
		if w.onDeadline == nil {
			w.resume <- struct{}{}
			return
		}
		w.onDeadline()
	}
}

// nextWaiter returns the index of the waiter that is resumed next. It advances the time
// if no wait is over. The caller must hold c.mu.
func (c *clock) nextWaiter() int {
	earliest := -1
	for i, w := range c.waiting {
		if w.ready(c.now) {
			return i
		}
		if !w.until.IsZero() && (earliest < 0 || w.until.Before(c.waiting[earliest].until)) {
			earliest = i
		}
	}
	if earliest < 0 {
		panic("every goroutine of the simulation waits for another")
	}
	c.now = c.waiting[earliest].until
	return earliest
}

// ready reports whether the wait is over.
func (w *waiter) ready(now time.Time) bool {
	if !w.until.IsZero() && !w.until.After(now) {
		return true
	}
	if w.ctx == nil {
		return false
	}
	return isClosed(w.ctx.Done()) || isClosed(w.wake)
}

// isClosed reports whether a channel is closed or has a value. A nil channel is not.
func isClosed(c <-chan struct{}) bool {
	select { // with one channel and a default no lock is needed
	case <-c:
		return true
	default:
		return false
	}
}

// release lets all other goroutines run concurrently until they have ended. The time does
// not advance. Their contexts must have ended before.
func (c *clock) release() {
	c.mu.Lock()
	c.unordered = true
	for _, w := range c.waiting {
		if w.onDeadline == nil {
			w.resume <- struct{}{}
		}
	}
	c.waiting = nil
	c.mu.Unlock()
	c.started.Wait()
	c.mu.Lock()
	c.unordered = false
	c.mu.Unlock()
}
