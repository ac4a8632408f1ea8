package launch

import (
	"math/rand/v2"
	"time"

	"github.com/proofline/proofline/sdk/backoff"
)

// The times and limits for starting a plugin again.
const (
	firstPause       = 500 * time.Millisecond // doubled with every crash in a row
	maxPause         = time.Minute
	stableAfter      = 5 * time.Minute // a plugin that was up for so long has no failures in a row
	quarantineAfter  = 5               // crashes
	quarantineWindow = 10 * time.Minute
	quarantinePause  = 10 * time.Minute
)

// policy decides when a plugin that has ended is started again. It has neither a clock
// nor a goroutine, and is not safe for concurrent use.
type policy struct {
	failures int         // number of ends in a row
	crashes  []time.Time // within the window
	random   func() float64
}

func newPolicy() *policy { return &policy{random: rand.Float64} }

// reset forgets all failures. It is called when the plugin was up for stableAfter or
// has done a task.
func (p *policy) reset() { p.failures, p.crashes = 0, nil }

// recordEnd records that the plugin ended at a time or could not be started. It returns
// the pause before the next start. The pause is a random part of the back-off, so that
// stages that failed at the same time start at different times. If the end counts as a
// crash and there were quarantineAfter crashes, the plugin is quarantined.
func (p *policy) recordEnd(at time.Time, crash bool) (pause time.Duration, quarantined bool) {
	p.failures++
	pause = time.Duration(p.random() * float64(backoff.Doubled(firstPause, maxPause, p.failures)))
	if !crash {
		return pause, false
	}
	recent := p.crashes[:0]
	for _, crash := range p.crashes {
		if at.Sub(crash) < quarantineWindow {
			recent = append(recent, crash)
		}
	}
	p.crashes = append(recent, at)
	if len(p.crashes) < quarantineAfter {
		return pause, false
	}
	p.reset() // a new start after the quarantine is a first one
	return quarantinePause, true
}
