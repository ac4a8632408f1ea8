package ethnode

import (
	"errors"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Circuit breaker: after so many failures in a row a node is left alone, first
// for breakerFirst, then twice as long each time, up to breakerMost.
const (
	breakerFailures = 3
	breakerFirst    = time.Second
	breakerMost     = time.Minute
)

// memory is how much of a score the next outcome leaves.
const memory = 0.8

// standing is what is thought of a node in one of its uses: heads and blocks, or
// witnesses. It is safe for concurrent use.
type standing struct {
	mu       sync.Mutex
	score    float64 // share of calls that went well, the recent ones counting most
	failures int     // in a row
	until    time.Time
	opened   int   // how often the breaker opened in a row
	last     error // of the last failure
}

func newStanding() *standing { return &standing{score: 1} }

// isNeutral reports whether the outcome of a call says nothing about the node: it
// does not have what was asked for, somebody else was faster, the call was cut off,
// or what it gave could not be judged.
func isNeutral(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoMethod) || errors.Is(err, ErrNoState) || errors.Is(err, errUnjudged) ||
		err != nil && contract.ClassOf(err) == contract.ClassInterrupted
}

// told records the outcome of a call.
func (s *standing) told(err error) {
	if isNeutral(err) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, errLost) { // slower than another: no failure, but no merit either
		s.score = memory*s.score + (1-memory)/2
		return
	}
	s.score *= memory
	if err == nil {
		s.score += 1 - memory
		s.failures, s.opened, s.last = 0, 0, nil
		s.until = time.Time{}
		return
	}
	s.last = err
	s.failures++
	pause := time.Duration(0)
	if s.failures >= breakerFailures {
		pause = min(breakerFirst<<min(s.opened, 10), breakerMost)
		s.opened++
		s.failures = breakerFailures - 1 // one more failure opens it again
	}
	if e, ok := errors.AsType[*contract.Error](err); ok && e.Class == contract.ClassEnvironment {
		pause = max(pause, e.After) // a rate limit
	}
	if pause > 0 {
		s.until = time.Now().Add(pause)
	}
}

// blocked is how long the breaker stays open, and what opened it.
func (s *standing) blocked(now time.Time) (left time.Duration, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.until) {
		return s.until.Sub(now), s.last
	}
	return 0, nil
}

func (s *standing) rank() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.score
}

// failing is the error of the last call, nil where it went well.
func (s *standing) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
