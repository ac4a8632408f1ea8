package engine

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Bounds of back-off.
const (
	maxBackoff = 10 * time.Minute // between attempts at one job
	maxPause   = time.Minute      // of a stage whose environment is at fault
)

// backoff is the pause before the next attempt after so many failures: doubled
// each time, up to half shorter by chance, and never less than the error asks.
func backoff(base time.Duration, failures int, err error) time.Duration {
	d := maxBackoff
	if shift := failures - 1; shift < 20 && base<<shift < maxBackoff {
		d = base << shift
	}
	if d > 0 {
		d -= rand.N(d/2 + 1)
	}
	if e, ok := errors.AsType[*contract.Error](err); ok {
		d = max(d, e.After)
	}
	return d
}

// pause is a time in which a stage is asked for nothing, because what it needs
// is not there. Its fields are guarded by Engine.mu.
type pause struct {
	reason string // empty while there is no trouble
	since  time.Time
	until  time.Time
	count  int // in a row
}

// pause begins or prolongs a pause: 1 s at first, doubled up to maxPause until
// something succeeds. Engine.mu must be held.
func (e *Engine) pause(s *stage, p *pause, err error, now time.Time) {
	d := min(time.Second<<min(p.count, 10), maxPause)
	if c, ok := errors.AsType[*contract.Error](err); ok {
		d = max(d, c.After)
	}
	if p.reason == "" {
		p.since = now
	}
	if p.reason != err.Error() {
		e.log.Warn("stage pauses; no attempt is spent", "stage", s.Name, "error", err)
	}
	p.reason, p.until = err.Error(), now.Add(d)
	p.count++
}

// resume ends a pause, after something has succeeded. Engine.mu must be held.
func (e *Engine) resume(s *stage, p *pause) {
	if p.reason == "" {
		return
	}
	e.log.Info("stage works again", "stage", s.Name, "after", time.Since(p.since).Round(time.Second))
	*p = pause{}
}
