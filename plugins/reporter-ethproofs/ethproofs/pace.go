package ethproofs

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"time"
)

// Priority orders the requests of one key.
type Priority int

// The priorities, the most urgent first.
const (
	// Urgent is for proofs and for requests that decide whether a proof was stored.
	Urgent Priority = iota
	// Normal is for announcements.
	Normal
	// Background is for checks of stored proofs. Such a request waits until no other
	// request waits and at least backgroundMin requests remain.
	Background
	priorities
)

// Bounds of the pace.
const (
	// window is the server's unit of time.
	window = time.Minute
	// gain sets the rate: gain times the remaining requests beyond the reserve are sent
	// per window. With it, several processes that share a key settle below the limit
	// without knowledge of each other: n processes that each send gain×R requests a
	// minute while R remain beyond the reserve keep R at limit/(1+gain×n).
	gain = 4
	// freshAge is the age up to which the count of an answer sets the pace.
	freshAge = 10 * time.Second
	// blindInterval is the pause between two requests while no count is fresh.
	blindInterval = 3 * time.Second
	// reserve is how many requests remain for processes that have just started and
	// have no count yet.
	reserve = 6
	// settleTime is waited beyond the end of the server's window, because at the start
	// of the next window the server still counts the one before in full.
	settleTime = 2 * time.Second
	// backgroundMin is how many requests must remain for one of the priority Background:
	// the download route answers only while fewer than 30 of the 60 are used.
	backgroundMin = 34
)

// Limit is the key's budget that an answer states.
type Limit struct {
	Remaining int       // requests left in the window; negative where there is no limit
	Reset     time.Time // when the window ends
}

// Pace spaces out the requests of one key. Its own rate is an upper limit. Below it, the
// count in the server's answers sets the pace, which includes the requests of other
// processes with the same key. Requests of a more urgent priority are granted first, and
// those of one priority in the order of their arrival. Pace may be used concurrently.
type Pace struct {
	interval time.Duration // between two tokens
	burst    int

	mu        sync.Mutex
	tokens    int
	filled    time.Time // time to which tokens was computed
	heldUntil time.Time // nothing is granted before
	last      time.Time // of the latest grant
	waiting   [priorities][]chan struct{}
	timer     *time.Timer // calls grant when the next request may be granted; nil for none

	limit     Limit     // of the latest answer that had one
	learned   time.Time // when that answer arrived; zero before the first
	pending   int       // requests granted and not answered
	unlimited bool      // the latest answer stated no limit
	path      string    // of the file that Persist named; may be empty
}

// NewPace returns a pace of perMinute requests a minute and burst requests at once. In
// any minute at most perMinute+burst requests are granted.
func NewPace(perMinute, burst int) *Pace {
	return &Pace{interval: time.Minute / time.Duration(perMinute), burst: burst, tokens: burst, filled: time.Now()}
}

// Persist reads the budget that an earlier process has stored in the file, and stores
// each new one there. It must be called before the first Wait. A file that cannot be
// read or written is ignored.
func (p *Pace) Persist(path string) {
	p.path = path
	content, err := os.ReadFile(path)
	if err != nil {
		return
	}
	var record paceRecord
	if json.Unmarshal(content, &record) != nil || record.At.After(time.Now()) || time.Since(record.At) >= window {
		return
	}
	p.limit, p.learned, p.last = Limit{record.Remaining, record.Reset}, record.At, time.Now()
}

// paceRecord is the content of the file of Persist.
type paceRecord struct {
	Remaining int       `json:"remaining"` // without the requests that were pending
	Reset     time.Time `json:"reset"`
	At        time.Time `json:"at"`
}

// save writes the file of Persist. The caller holds mu.
func (p *Pace) save() {
	if p.path == "" {
		return
	}
	content, err := json.Marshal(paceRecord{p.remaining(), p.limit.Reset, p.learned})
	if err == nil {
		_ = os.WriteFile(p.path, content, 0o600)
	}
}

// Wait returns nil once the request may be sent, or the context's error. After each nil
// the caller must call Answered once.
func (p *Pace) Wait(ctx context.Context, priority Priority) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	granted := make(chan struct{})
	p.mu.Lock()
	queue := &p.waiting[priority]
	*queue = append(*queue, granted)
	p.grant()
	p.mu.Unlock()
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(*queue, granted); i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
	} else { // granted at the same instant; give the grant back
		p.tokens = min(p.tokens+1, p.burst)
		p.pending--
		p.grant()
	}
	return ctx.Err()
}

// Answered ends a request that Wait has granted. The limit is nil where the answer
// stated no budget or where there was no answer. A negative Remaining means that the
// key has no limit.
func (p *Pace) Answered(limit *Limit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = max(p.pending-1, 0)
	switch {
	case limit == nil:
		p.limit.Remaining = max(p.limit.Remaining-1, 0) // the server may have counted the request
	case limit.Remaining < 0:
		p.unlimited, p.learned = true, time.Now()
	default:
		p.unlimited, p.limit, p.learned = false, *limit, time.Now()
		p.save()
	}
	p.grant()
}

// Hold grants no request for the duration, which an answer of 429 has demanded.
func (p *Pace) Hold(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(wait + settleTime); until.After(p.heldUntil) {
		p.heldUntil = until
	}
}

// Busy reports whether requests of the priorities Urgent or Normal are waiting.
func (p *Pace) Busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting[Urgent])+len(p.waiting[Normal]) > 0
}

// next returns the queue whose first request is granted next, and nil where there is
// none. The caller holds mu.
func (p *Pace) next(now time.Time) *[]chan struct{} {
	for priority := range p.waiting {
		if len(p.waiting[priority]) == 0 {
			continue
		}
		if Priority(priority) == Background && !p.unlimited && p.isFresh(now, window) && p.remaining() < backgroundMin {
			return nil
		}
		return &p.waiting[priority]
	}
	return nil
}

// isFresh reports whether the latest count is younger than age. The caller holds mu.
func (p *Pace) isFresh(now time.Time, age time.Duration) bool {
	return !p.learned.IsZero() && now.Sub(p.learned) < age
}

// remaining returns how many requests remain after the pending ones. The caller holds
// mu.
func (p *Pace) remaining() int { return p.limit.Remaining - p.pending }

// spacing returns the shortest time between the latest grant and the next. The caller
// holds mu.
func (p *Pace) spacing(now time.Time) time.Duration {
	switch {
	case p.unlimited:
		return 0
	case p.last.IsZero():
		return 0 // this is the first request
	case p.learned.IsZero():
		return blindInterval
	}
	spacing := window / time.Duration(gain*max(p.remaining()-reserve, 1))
	if p.remaining() <= reserve {
		spacing = max(spacing, p.limit.Reset.Add(settleTime).Sub(p.last))
	}
	if !p.isFresh(now, freshAge) {
		spacing = max(spacing, blindInterval)
	}
	if !p.isFresh(now, window) {
		spacing = blindInterval // the server has forgotten the counted requests
	}
	return spacing
}

// grant grants the waiting requests that may be sent now, and sets the timer for the
// next one. The caller holds mu.
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
	for {
		queue := p.next(now)
		if queue == nil || p.tokens == 0 || now.Before(p.heldUntil) || now.Before(p.last.Add(p.spacing(now))) {
			break
		}
		close((*queue)[0])
		*queue = (*queue)[1:]
		p.tokens--
		p.pending++
		p.last = now
	}
	if wait, ok := p.untilNext(now); ok {
		p.timer = time.AfterFunc(wait, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.grant()
		})
	}
}

// untilNext returns the time until grant should run again, and false while no request
// waits. The caller holds mu.
func (p *Pace) untilNext(now time.Time) (time.Duration, bool) {
	waiting := false
	for _, queue := range p.waiting {
		waiting = waiting || len(queue) > 0
	}
	if !waiting {
		return 0, false
	}
	wait := time.Millisecond
	if p.tokens == 0 {
		wait = p.filled.Add(p.interval).Sub(now)
	}
	wait = max(wait, p.heldUntil.Sub(now), p.last.Add(p.spacing(now)).Sub(now), time.Millisecond)
	if p.next(now) == nil { // only Background waits, and too few requests remain
		wait = max(wait, time.Second)
	}
	// The latest count expires after a window.
	if aged := p.learned.Add(window).Sub(now); !p.unlimited && aged > 0 {
		wait = min(wait, aged+time.Millisecond)
	}
	return max(wait, time.Millisecond), true
}
