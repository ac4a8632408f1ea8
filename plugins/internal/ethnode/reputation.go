package ethnode

import (
	"errors"
	"sync"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Limits of the circuit breaker. After breakerFailures failures in a row a node is not
// asked for breakerFirst, and after each further failure for twice as long, up to
// breakerMax.
const (
	breakerFailures = 3
	breakerFirst    = time.Second
	breakerMax      = time.Minute
)

// scoreDecay is the weight of the score before a call in the score after the call.
const scoreDecay = 0.8

// reputation holds the outcomes of the calls to a node and the state of its circuit
// breaker, for all calls or for witnesses alone. It is safe for concurrent use.
type reputation struct {
	mu       sync.Mutex
	score    float64   // share of successful calls, from 0 to 1; recent calls count more
	failures int       // failures in a row
	until    time.Time // end of the time in which the breaker is open
	openings int       // how often the breaker opened in a row
	last     error     // error of the last call, nil where it succeeded
}

func newReputation() *reputation { return &reputation{score: 1} }

// isNeutral reports whether the outcome of a call says nothing about the quality of
// the node: it lacks the block, the state or the method, the call was cancelled, or
// its data could not be checked.
func isNeutral(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoMethod) || errors.Is(err, ErrNoState) || errors.Is(err, errNotCompared) ||
		err != nil && contract.ClassOf(err) == contract.ClassInterrupted
}

// record records the outcome of a call.
func (s *reputation) record(err error) {
	if isNeutral(err) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, errLost) { // slower than another node: neither success nor failure
		s.score = scoreDecay*s.score + (1-scoreDecay)/2
		return
	}
	s.score *= scoreDecay
	if err == nil {
		s.score += 1 - scoreDecay
		s.failures, s.openings, s.last = 0, 0, nil
		s.until = time.Time{}
		return
	}
	s.last = err
	s.failures++
	pause := time.Duration(0)
	if s.failures >= breakerFailures {
		pause = min(breakerFirst<<min(s.openings, 10), breakerMax)
		s.openings++
		s.failures = breakerFailures - 1 // one more failure opens it again
	}
	if e, ok := errors.AsType[*contract.Error](err); ok && e.Class == contract.ClassEnvironment {
		pause = max(pause, e.After) // a rate limit
	}
	if pause > 0 {
		s.until = time.Now().Add(pause)
	}
}

// blocked returns how long the breaker stays open, and the error that opened it. left
// is 0 where the breaker is closed.
func (s *reputation) blocked(now time.Time) (left time.Duration, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.until) {
		return s.until.Sub(now), s.last
	}
	return 0, nil
}

func (s *reputation) currentScore() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.score
}

// failing returns the error of the last call, nil where it succeeded.
func (s *reputation) failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
