package simulate

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/proofline/proofline/host/engine"
)

// clock is an engine.Clock of virtual time. Of the goroutines that it has started, and the
// one that calls newClock, one runs at a time, until it waits; then the first that waits
// for nothing any more goes on, in the order in which they began to wait. When all wait
// for a time, it becomes the earliest of these.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	waiting []*waiter // in the order in which they began to wait
	free    bool      // see release
	started sync.WaitGroup
}

// waiter is a goroutine that waits, or a deadline.
type waiter struct {
	ctx   context.Context // nil for one that waits for the time alone
	wake  <-chan struct{}
	until time.Time // zero for one that does not wait for a time
	next  chan struct{}
	fire  func() // of a deadline
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
	w := &waiter{until: c.now, next: make(chan struct{}, 1)}
	if c.free {
		w.next <- struct{}{}
	} else {
		c.waiting = append(c.waiting, w)
	}
	c.mu.Unlock()
	go func() {
		<-w.next
		f()
		c.mu.Lock()
		if !c.free {
			c.hand()
		}
		c.mu.Unlock()
		c.started.Done()
	}()
}

func (c *clock) Wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	c.mu.Lock()
	if c.free {
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
	c.hand()
	c.mu.Unlock()
	<-w.next
	w.ctx, w.wake = nil, nil
	waiters.Put(w)
}

// waiters are kept for the next waits: there are millions in a day.
var waiters = sync.Pool{New: func() any { return &waiter{next: make(chan struct{}, 1)} }}

func (c *clock) WithDeadline(ctx context.Context, at time.Time, cause error) (context.Context, context.CancelFunc) {
	timed, cancel := context.WithCancelCause(ctx)
	w := &waiter{until: at, fire: func() { cancel(cause) }}
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

// hand lets the next goroutine go on. clock.mu must be held, by the one that runs.
func (c *clock) hand() {
	for {
		i := c.first()
		w := c.waiting[i]
		c.waiting = slices.Delete(c.waiting, i, i+1)
		if w.fire == nil {
			w.next <- struct{}{}
			return
		}
		w.fire()
	}
}

// first is the index of who goes on next; the time moves to when that is.
func (c *clock) first() int {
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

// ready reports whether what is waited for is there.
func (w *waiter) ready(now time.Time) bool {
	if !w.until.IsZero() && !w.until.After(now) {
		return true
	}
	if w.ctx == nil {
		return false
	}
	return closed(w.ctx.Done()) || closed(w.wake)
}

// closed reports whether a channel is closed; one that is nil is not.
func closed(c <-chan struct{}) bool {
	select { // one channel alone costs no lock
	case <-c:
		return true
	default:
		return false
	}
}

// release lets all other goroutines run at once until they have ended, while the time
// stands still. The contexts that end them must have ended before.
func (c *clock) release() {
	c.mu.Lock()
	c.free = true
	for _, w := range c.waiting {
		if w.fire == nil {
			w.next <- struct{}{}
		}
	}
	c.waiting = nil
	c.mu.Unlock()
	c.started.Wait()
	c.mu.Lock()
	c.free = false
	c.mu.Unlock()
}
