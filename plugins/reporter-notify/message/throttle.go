package message

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/proofline/proofline/sdk/contract"
)

// LeftOut counts events that got no message of their own.
type LeftOut struct {
	What  string
	Count int
	Since time.Time
}

// Throttle decides which events get a message. An event that came before gets
// none. One like another within the window, or beyond the rate, is counted for
// the digest. It may be used concurrently.
type Throttle struct {
	window  time.Duration
	limiter *rate.Limiter

	mu   sync.Mutex
	seen []string             // ids of the latest events that were dealt with
	last map[string]time.Time // when an alike event got its message
	left map[string]*LeftOut  // by What
}

// remembered is how many event ids are kept against repeated delivery.
const remembered = 1000

// NewThrottle allows perMinute messages, and one message per window for events
// that are alike.
func NewThrottle(perMinute int, window time.Duration) *Throttle {
	return &Throttle{window: window, limiter: rate.NewLimiter(rate.Every(time.Minute/time.Duration(perMinute)), perMinute),
		last: map[string]time.Time{}, left: map[string]*LeftOut{}}
}

// Admit reports whether the event gets a message now. The caller says by Sent
// that it was delivered; without that another try is admitted again.
func (t *Throttle) Admit(event contract.Event, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.seen, event.ID) {
		return false
	}
	if key, has := likeness(event); has && now.Sub(t.last[key]) < t.window {
		t.leaveOut(event.ID, whatOf(event), now)
		return false
	}
	if !t.limiter.AllowN(now, 1) {
		t.leaveOut(event.ID, string(event.Kind), now)
		return false
	}
	return true
}

// Sent records that the event's message was delivered.
func (t *Throttle) Sent(event contract.Event, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remember(event.ID)
	if key, has := likeness(event); has {
		t.last[key] = now
	}
	for key, at := range t.last {
		if now.Sub(at) >= t.window {
			delete(t.last, key)
		}
	}
}

func (t *Throttle) leaveOut(id, what string, now time.Time) {
	t.remember(id)
	l := t.left[what]
	if l == nil {
		l = &LeftOut{What: what, Since: now}
		t.left[what] = l
	}
	l.Count++
}

func (t *Throttle) remember(id string) {
	if t.seen = append(t.seen, id); len(t.seen) > remembered {
		t.seen = slices.Clone(t.seen[len(t.seen)-remembered/2:])
	}
}

// TakeLeftOut returns what was left out, the most frequent first, and forgets it.
// Unless all is wanted it waits until the oldest is a window old and a message
// may be sent; until then it returns nothing.
func (t *Throttle) TakeLeftOut(now time.Time, all bool) []LeftOut {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.left) == 0 {
		return nil
	}
	var taken []LeftOut
	for _, l := range t.left {
		taken = append(taken, *l)
	}
	if !all && (now.Sub(oldest(taken)) < t.window || !t.limiter.AllowN(now, 1)) {
		return nil
	}
	clear(t.left)
	slices.SortFunc(taken, func(a, b LeftOut) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return taken
}

// GiveBack returns counts whose digest could not be sent.
func (t *Throttle) GiveBack(taken []LeftOut) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range taken {
		if existing := t.left[l.What]; existing != nil {
			existing.Count += l.Count
			existing.Since = l.Since
			continue
		}
		t.left[l.What] = &l
	}
}

// likeness is what makes two alerts the same to an operator: kind, stage and
// reason. Proofs are never alike, nor are the two ends of an outage.
func likeness(event contract.Event) (string, bool) {
	switch event.Kind {
	case contract.EventAccepted, contract.EventProved, contract.EventChecked, contract.EventQueued, contract.EventProving,
		contract.EventNodeRecovered, contract.EventStageRecovered:
		return "", false
	}
	return string(event.Kind) + "\x00" + event.Stage + "\x00" + event.Facts[contract.FactReason], true
}

// whatOf names the events of one likeness in words.
func whatOf(event contract.Event) string {
	text := string(event.Kind)
	if event.Stage != "" {
		text += " (" + event.Stage + ")"
	}
	if reason := event.Facts[contract.FactReason]; reason != "" {
		text += ": " + reason
	}
	return text
}

func oldest(left []LeftOut) time.Time {
	var first time.Time
	for _, l := range left {
		if first.IsZero() || l.Since.Before(first) {
			first = l.Since
		}
	}
	return first
}
