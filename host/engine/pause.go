package engine

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/proofline/proofline/sdk/backoff"
	"github.com/proofline/proofline/sdk/contract"
)

// Bounds of back-off.
const (
	maxBackoff = 10 * time.Minute // between attempts at one job
	maxPause   = time.Minute      // of a stage whose environment is at fault
	maxAfter   = time.Hour        // that a plugin may ask to be left alone
	maxOpen    = 15 * time.Minute // between two trials of a stage that fails every block
)

// nextTry is the pause before the next attempt after so many failures: doubled
// each time, up to half shorter by chance, and never less than the error asks.
func (e *Engine) nextTry(base time.Duration, failures int, err error) time.Duration {
	return max(e.cfg.Jitter(backoff.Doubled(base, maxBackoff, failures), 2), after(err))
}

// after is how long an error asks to wait, within bounds.
func after(err error) time.Duration {
	if e, ok := errors.AsType[*contract.Error](err); ok {
		return min(e.After, maxAfter)
	}
	return 0
}

// pause is a time in which a stage is asked for nothing, because what it needs
// is not there. Its fields are guarded by Engine.mu.
type pause struct {
	reason string // empty while there is no trouble
	since  time.Time
	until  time.Time
	count  int // in a row
}

// paused begins or prolongs a pause: 1 s at first, doubled up to maxPause until
// something succeeds. Engine.mu must be held.
func (e *Engine) paused(s *stage, p *pause, err error, now time.Time) {
	d := max(backoff.Doubled(time.Second, maxPause, p.count+1), after(err))
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
	e.log.Info("stage works again", "stage", s.Name, "after", e.clock.Now().Sub(p.since).Round(time.Second))
	*p = pause{}
}

// breaker counts blocks that a stage has failed in a row for the same reason. Once
// they are enough it is open: a further failure of that kind costs no block, and
// the stage is tried ever less often until one succeeds, or the operator asks for
// a retry.
type breaker struct {
	reason string // without numbers and hashes
	text   string // as it was
	blocks map[string]bool
	trials int // failures since it has been open
}

// Blocks in a row that open the breaker.
const (
	breaksAfter    = 3 // of a stage that has worked with today's configuration
	breaksUntested = 2 // of one that has not
)

var particulars = regexp.MustCompile(`0x[0-9a-fA-F]+|[0-9a-fA-F]{16,}|[0-9]+`)

// judge returns the breaker after one more failure, and whether it is open. A
// source has none: nothing is spent on a block that cannot be fetched, and old
// blocks fail alike for good when the nodes have dropped their state.
func (e *Engine) judge(s *stage, job, reason string) (breaker, bool) {
	if s.Kind == contract.KindSource {
		return breaker{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	kind := particulars.ReplaceAllString(reason, "#")
	next := breaker{reason: kind, text: reason, blocks: map[string]bool{}}
	if s.breaker.reason == kind {
		next.trials = s.breaker.trials
		for id := range s.breaker.blocks {
			next.blocks[id] = true
		}
	}
	limit := breaksUntested
	if s.trusted {
		limit = breaksAfter
	}
	if len(next.blocks) >= limit {
		next.trials++
		return next, true
	}
	next.blocks[job] = true
	return next, false
}

func (b breaker) error() error {
	wait := backoff.Doubled(time.Minute, maxOpen, b.trials)
	return &contract.Error{
		Class: contract.ClassEnvironment, After: wait,
		Err:    fmt.Errorf("the last %d blocks failed alike, so that no more are spent: %s", len(b.blocks), b.text),
		Remedy: "mend the cause, then: proofline blocks retry --failed",
	}
}
