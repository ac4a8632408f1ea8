package ethproofs

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Pace spaces out the requests of one key: a token bucket in which the urgent
// are served before the others, each class in the order of arrival. It starts
// full. It may be used concurrently.
type Pace struct {
	interval time.Duration // between two tokens
	burst    int

	mu      sync.Mutex
	tokens  int
	filled  time.Time // when tokens was right
	held    time.Time // nothing is granted before
	urgent  []chan struct{}
	waiting []chan struct{}
	timer   *time.Timer
}

// NewPace allows perMinute requests a minute and burst at once. In any window of
// a minute at most perMinute+burst pass.
func NewPace(perMinute, burst int) *Pace {
	return &Pace{interval: time.Minute / time.Duration(perMinute), burst: burst, tokens: burst, filled: time.Now()}
}

// Wait returns once the request may be sent, or with the context's error.
func (p *Pace) Wait(ctx context.Context, urgent bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn := make(chan struct{})
	p.mu.Lock()
	line := p.line(urgent)
	*line = append(*line, turn)
	p.grant()
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(*line, turn); i >= 0 {
		*line = slices.Delete(*line, i, i+1)
	} else {
		p.tokens = min(p.tokens+1, p.burst) // granted in the same instant, not used
		p.grant()
	}
	return ctx.Err()
}

// Hold grants nothing for the duration: the server said so.
func (p *Pace) Hold(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(wait); until.After(p.held) {
		p.held = until
	}
}

func (p *Pace) line(urgent bool) *[]chan struct{} {
	if urgent {
		return &p.urgent
	}
	return &p.waiting
}

// grant hands out what is there and comes back when there is more.
func (p *Pace) grant() {
	now := time.Now()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if gained := int(now.Sub(p.filled) / p.interval); gained > 0 {
		p.tokens = min(p.tokens+gained, p.burst)
		p.filled = p.filled.Add(time.Duration(gained) * p.interval)
	}
	if p.tokens == p.burst {
		p.filled = now
	}
	for !now.Before(p.held) && p.tokens > 0 && len(p.urgent)+len(p.waiting) > 0 {
		line := p.line(len(p.urgent) > 0)
		close((*line)[0])
		*line = (*line)[1:]
		p.tokens--
	}
	if len(p.urgent)+len(p.waiting) == 0 {
		return
	}
	next := p.filled.Add(p.interval).Sub(now)
	if p.tokens > 0 {
		next = 0
	}
	next = max(next, p.held.Sub(now), time.Millisecond)
	p.timer = time.AfterFunc(next, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.grant()
	})
}
