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
	// Urgent is for proofs and for what decides over one.
	Urgent Priority = iota
	// Normal is for announcements.
	Normal
	// Background is for looking at proofs that are stored already. It waits until
	// nothing else does and the key has room left.
	Background
	priorities
)

// Bounds of the pace.
const (
	// window is the server's unit of time.
	window = time.Minute
	// gain is how many times the remaining requests of the window may be asked for
	// per window. It makes several processes that share a key settle below the
	// limit without knowing of each other: n of them that each send gain×R a minute
	// while R remain, beyond the reserve, keep R at limit/(1+gain×n).
	gain = 4
	// fresh is the age up to which an answer's figure is gone by.
	fresh = 10 * time.Second
	// blind is the pause between two requests while nothing fresh is known.
	blind = 3 * time.Second
	// reserve is how many requests are left to processes that have just started and
	// know of nobody else.
	reserve = 6
	// settling is waited beyond the end of the server's window, in which the window
	// before still counts in full at first.
	settling = 2 * time.Second
	// room is how many requests must remain for Background: the download route
	// answers only while fewer than 30 of the 60 are used.
	room = 34
)

// Limit is what an answer says of the key's budget.
type Limit struct {
	Remaining int       // requests left in the window; negative where there is no limit
	Reset     time.Time // when the window ends
}

// Pace spaces out the requests of one key. Its own rate is a ceiling; below that
// the server's count, as its answers tell it, sets the pace, so that the requests
// of other processes with the same key are allowed for. The more urgent are served
// first, each class in the order of arrival. It may be used concurrently.
type Pace struct {
	interval time.Duration // between two tokens
	burst    int

	mu      sync.Mutex
	tokens  int
	filled  time.Time // when tokens was right
	held    time.Time // nothing is granted before
	last    time.Time // of the latest grant
	waiting [priorities][]chan struct{}
	timer   *time.Timer

	limit     Limit     // of the latest answer that had one
	learned   time.Time // when; zero for never
	pending   int       // granted and not answered
	unlimited bool
	path      string // of the file that outlives the process; may be empty
}

// NewPace allows perMinute requests a minute and burst at once. In any window of
// a minute at most perMinute+burst pass.
func NewPace(perMinute, burst int) *Pace {
	return &Pace{interval: time.Minute / time.Duration(perMinute), burst: burst, tokens: burst, filled: time.Now()}
}

// Remember keeps what the answers say of the budget in a file, and goes by what an
// earlier process has left there. It is called before the pace is used. The file is
// a help, no more: one that cannot be read or written changes nothing else.
func (p *Pace) Remember(path string) {
	p.path = path
	content, err := os.ReadFile(path)
	if err != nil {
		return
	}
	var known remembered
	if json.Unmarshal(content, &known) != nil || known.At.After(time.Now()) || time.Since(known.At) >= window {
		return
	}
	p.limit, p.learned, p.last = Limit{known.Remaining, known.Reset}, known.At, time.Now()
}

// remembered is the content of the file: what was left when those under way were
// counted.
type remembered struct {
	Remaining int       `json:"remaining"`
	Reset     time.Time `json:"reset"`
	At        time.Time `json:"at"`
}

func (p *Pace) save() {
	if p.path == "" {
		return
	}
	content, err := json.Marshal(remembered{p.left(), p.limit.Reset, p.learned})
	if err == nil {
		_ = os.WriteFile(p.path, content, 0o600)
	}
}

// Wait returns once the request may be sent, or with the context's error. Each
// return without an error is followed by one call of Answered.
func (p *Pace) Wait(ctx context.Context, priority Priority) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	granted := make(chan struct{})
	p.mu.Lock()
	line := &p.waiting[priority]
	*line = append(*line, granted)
	p.grant()
	p.mu.Unlock()
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(*line, granted); i >= 0 {
		*line = slices.Delete(*line, i, i+1)
	} else { // granted in the same instant, not used
		p.tokens = min(p.tokens+1, p.burst)
		p.pending--
		p.grant()
	}
	return ctx.Err()
}

// Answered ends a request that Wait let pass. Limit is nil where the answer said
// nothing of the budget, or where there was none.
func (p *Pace) Answered(limit *Limit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = max(p.pending-1, 0)
	switch {
	case limit == nil:
		p.limit.Remaining = max(p.limit.Remaining-1, 0) // it may have been counted
	case limit.Remaining < 0:
		p.unlimited, p.learned = true, time.Now()
	default:
		p.unlimited, p.limit, p.learned = false, *limit, time.Now()
		p.save()
	}
	p.grant()
}

// Hold grants nothing for the duration: the server said so.
func (p *Pace) Hold(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(wait + settling); until.After(p.held) {
		p.held = until
	}
}

// Busy reports whether requests are waiting for their time.
func (p *Pace) Busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting[Urgent])+len(p.waiting[Normal]) > 0
}

// next returns the line to serve, or nil.
func (p *Pace) next(now time.Time) *[]chan struct{} {
	for priority := range p.waiting {
		if len(p.waiting[priority]) == 0 {
			continue
		}
		if Priority(priority) == Background && !p.unlimited && p.isFresh(now, window) && p.left() < room {
			return nil
		}
		return &p.waiting[priority]
	}
	return nil
}

func (p *Pace) isFresh(now time.Time, age time.Duration) bool {
	return !p.learned.IsZero() && now.Sub(p.learned) < age
}

// left is how many requests remain when those under way are counted.
func (p *Pace) left() int { return p.limit.Remaining - p.pending }

// spacing is the least time between the latest grant and the next.
func (p *Pace) spacing(now time.Time) time.Duration {
	switch {
	case p.unlimited:
		return 0
	case p.last.IsZero():
		return 0 // the first request of all
	case p.learned.IsZero():
		return blind
	}
	spacing := window / time.Duration(gain*max(p.left()-reserve, 1))
	if p.left() <= reserve {
		spacing = max(spacing, p.limit.Reset.Add(settling).Sub(p.last))
	}
	if !p.isFresh(now, fresh) {
		spacing = max(spacing, blind)
	}
	if !p.isFresh(now, window) {
		spacing = blind // the whole window has passed
	}
	return spacing
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
	for {
		line := p.next(now)
		if line == nil || p.tokens == 0 || now.Before(p.held) || now.Before(p.last.Add(p.spacing(now))) {
			break
		}
		close((*line)[0])
		*line = (*line)[1:]
		p.tokens--
		p.pending++
		p.last = now
	}
	if wait, any := p.untilNext(now); any {
		p.timer = time.AfterFunc(wait, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.grant()
		})
	}
}

// untilNext is when it is worth looking again; false while nobody waits.
func (p *Pace) untilNext(now time.Time) (time.Duration, bool) {
	any := false
	for _, line := range p.waiting {
		any = any || len(line) > 0
	}
	if !any {
		return 0, false
	}
	wait := time.Millisecond
	if p.tokens == 0 {
		wait = p.filled.Add(p.interval).Sub(now)
	}
	wait = max(wait, p.held.Sub(now), p.last.Add(p.spacing(now)).Sub(now), time.Millisecond)
	if p.next(now) == nil { // Background alone, and no room
		wait = max(wait, time.Second)
	}
	// After a window what is known counts no more.
	if aged := p.learned.Add(window).Sub(now); !p.unlimited && aged > 0 {
		wait = min(wait, aged+time.Millisecond)
	}
	return max(wait, time.Millisecond), true
}
