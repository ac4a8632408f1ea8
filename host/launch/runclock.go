package launch

import (
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/tick"
)

const (
	clockInterval = 4 * time.Second // between two readings of the clock
	maxClockStep  = 5 * time.Second // the longest time that counts between two readings
)

// runClock measures the time in which the host itself was running. If the machine was
// suspended, or the container or the process was paused, the plugins were, too. Such a
// gap counts as at most maxClockStep, so that the plugins do not seem to be silent.
// runClock is safe for concurrent use.
type runClock struct {
	mu      sync.Mutex
	last    time.Time
	running time.Duration
}

// at reads the clock at the time now and returns the running time so far.
func (c *runClock) at(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last.IsZero() {
		c.running += min(max(now.Sub(c.last), 0), maxClockStep)
	}
	c.last = now
	return c.running
}

// now returns the running time so far.
func (c *runClock) now() time.Duration { return c.at(time.Now()) }

// run reads the clock regularly until done is closed.
func (c *runClock) run(done <-chan struct{}) {
	for {
		select {
		case now := <-tick.At(clockInterval):
			c.at(now)
		case <-done:
			return
		}
	}
}
