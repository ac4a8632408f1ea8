package engine

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/proofline/proofline/sdk/backoff"
	"github.com/proofline/proofline/sdk/contract"
)

// The longest pauses.
const (
	maxBackoff = 10 * time.Minute // between two attempts at one job
	maxPause   = time.Minute      // of a stage whose environment is at fault
	maxAfter   = time.Hour        // that the error of a plugin may ask for
	maxOpen    = 15 * time.Minute // between two trials of a stage whose breaker is open
)

// nextTry returns the pause before the next attempt. It doubles with each failure, is
// shortened at random by up to a half, and is never shorter than the error asks for.
func (e *Engine) nextTry(base time.Duration, failures int, err error) time.Duration {
	return max(e.cfg.Jitter(backoff.Doubled(base, maxBackoff, failures), 2), after(err))
}

// after returns how long an error asks to wait, at most maxAfter.
func after(err error) time.Duration {
	if e, ok := errors.AsType[*contract.Error](err); ok {
		return min(e.After, maxAfter)
	}
	return 0
}

// pause is a time in which a stage gets no work, because something that it needs is
// missing. Its fields are guarded by Engine.mu.
type pause struct {
	reason string // empty while the stage is not paused
	since  time.Time
	until  time.Time
	count  int // consecutive pauses without a success between them
}

// paused begins or prolongs a pause of a stage. The first pause takes one second, and
// each further one twice as long, up to maxPause. Engine.mu must be held.
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

// resume ends a pause after a success. Engine.mu must be held.
func (e *Engine) resume(s *stage, p *pause) {
	if p.reason == "" {
		return
	}
	e.log.Info("stage works again", "stage", s.Name, "after", e.clock.Now().Sub(p.since).Round(time.Second))
	*p = pause{}
}

// breaker is a circuit breaker. It counts consecutive blocks at which a stage has failed
// for the same reason, and opens when there are enough of them. While it is open, a
// further failure of that kind fails no block, and the stage is tried in ever longer
// intervals. An attempt that succeeds or a retry by the operator closes it.
type breaker struct {
	kind   string // the reason without numbers and hashes, by which failures are compared
	reason string // of the last failure
	blocks map[string]bool
	trials int // failures since it opened
}

// Numbers of consecutive blocks that open the breaker.
const (
	breaksAfter    = 3 // of a stage that has succeeded with its current fingerprint
	breaksUntested = 2 // of any other stage
)

// particulars matches the parts of a reason that differ from block to block.
var particulars = regexp.MustCompile(`0x[0-9a-fA-F]+|[0-9a-fA-F]{16,}|[0-9]+`)

// judge returns the breaker after one more failure, and whether it is open. The breaker
// of a source never opens: an attempt to fetch costs nothing, and old blocks fail for
// the same reason for ever once the nodes have dropped their state.
func (e *Engine) judge(s *stage, job, reason string) (breaker, bool) {
	if s.Kind == contract.KindSource {
		return breaker{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	kind := particulars.ReplaceAllString(reason, "#")
	next := breaker{kind: kind, reason: reason, blocks: map[string]bool{}}
	if s.breaker.kind == kind {
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

// error returns the error with which an open breaker pauses its stage.
func (b breaker) error() error {
	wait := backoff.Doubled(time.Minute, maxOpen, b.trials)
	return &contract.Error{
		Class: contract.ClassEnvironment, After: wait,
		Err:    fmt.Errorf("the last %d blocks failed alike, so that no more are spent: %s", len(b.blocks), b.reason),
		Remedy: "mend the cause, then: proofline blocks retry --failed",
	}
}
