package launch

import (
	"math/rand/v2"
	"time"

	"github.com/proofline/proofline/sdk/backoff"
)

// The rules for starting a plugin again.
const (
	firstPause       = 500 * time.Millisecond // doubled with every crash in a row
	longestPause     = time.Minute
	settledAfter     = 5 * time.Minute // ready for so long: the row is over
	quarantineAfter  = 5               // crashes
	quarantineWindow = 10 * time.Minute
	quarantinePause  = 10 * time.Minute
)

// policy decides when a plugin that has ended is started again. It has no clock
// and no goroutine of its own.
type policy struct {
	row     int         // ends in a row
	crashes []time.Time // within the window
	random  func() float64
}

func newPolicy() *policy { return &policy{random: rand.Float64} }

// settled notes that the plugin works: a long time ready, or a task done.
func (p *policy) settled() { p.row, p.crashes = 0, nil }

// ended notes that the plugin has ended at that time, or could not be started,
// and returns the pause before the next start: a random part of the back-off,
// so that stages that fell together do not rise together. An end that counts as
// a crash may lead to quarantine.
func (p *policy) ended(at time.Time, crash bool) (pause time.Duration, quarantined bool) {
	p.row++
	pause = time.Duration(p.random() * float64(backoff.Doubled(firstPause, longestPause, p.row)))
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
	p.settled() // a new start after the quarantine is a first one
	return quarantinePause, true
}
