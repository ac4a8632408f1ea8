package launch

import (
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/tick"
)

const (
	livedTick = 4 * time.Second // between two looks at the clock
	livedMost = 5 * time.Second // that one look can find to have passed
)

// livedClock measures the time in which the host itself was running. A machine that
// was suspended, a container that was paused and a process that was stopped stand
// still together with their plugins: such a gap counts for livedMost at most, so
// that nobody is taken for silent who had no chance to speak. It is safe for
// concurrent use.
type livedClock struct {
	mu    sync.Mutex
	last  time.Time
	lived time.Duration
}

// at returns the time lived until now.
func (c *livedClock) at(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last.IsZero() {
		c.lived += min(max(now.Sub(c.last), 0), livedMost)
	}
	c.last = now
	return c.lived
}

func (c *livedClock) now() time.Duration { return c.at(time.Now()) }

// run looks at the clock until done closes.
func (c *livedClock) run(done <-chan struct{}) {
	for {
		select {
		case now := <-tick.At(livedTick):
			c.at(now)
		case <-done:
			return
		}
	}
}
