package message

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/proofline/proofline/sdk/contract"
)

// LeftOut counts similar events that got no message of their own.
type LeftOut struct {
	What  string // description of the events
	Count int
	Since time.Time // of the first of them
}

// Throttle decides which events get a message. An event that was delivered before gets
// none. An event that is similar to one within the window, or that exceeds the rate, is
// counted for the digest. Throttle may be used concurrently.
type Throttle struct {
	window  time.Duration
	limiter *rate.Limiter

	mu      sync.Mutex
	seen    []string             // ids of the latest events that were sent or left out
	last    map[string]time.Time // time of the latest message, by similarityKey
	omitted map[string]*LeftOut  // by What
}

// maxSeen is how many event ids are kept to recognize a repeated delivery.
const maxSeen = 1000

// NewThrottle returns a throttle of perMinute messages a minute, and one message per
// window for similar events.
func NewThrottle(perMinute int, window time.Duration) *Throttle {
	return &Throttle{window: window, limiter: rate.NewLimiter(rate.Every(time.Minute/time.Duration(perMinute)), perMinute),
		last: map[string]time.Time{}, omitted: map[string]*LeftOut{}}
}

// Admit reports whether the event gets a message now. The caller must call Sent after
// the message was delivered. Without that call Admit admits the event again.
func (t *Throttle) Admit(event contract.Event, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.seen, event.ID) {
		return false
	}
	if key, ok := similarityKey(event); ok && now.Sub(t.last[key]) < t.window {
		t.leaveOut(event.ID, describe(event), now)
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
	if key, ok := similarityKey(event); ok {
		t.last[key] = now
	}
	for key, at := range t.last {
		if now.Sub(at) >= t.window {
			delete(t.last, key)
		}
	}
}

// leaveOut counts an event for the digest. The caller holds mu.
func (t *Throttle) leaveOut(id, description string, now time.Time) {
	t.remember(id)
	l := t.omitted[description]
	if l == nil {
		l = &LeftOut{What: description, Since: now}
		t.omitted[description] = l
	}
	l.Count++
}

// remember records the id of an event that needs no further message. The caller holds mu.
func (t *Throttle) remember(id string) {
	if t.seen = append(t.seen, id); len(t.seen) > maxSeen {
		t.seen = slices.Clone(t.seen[len(t.seen)-maxSeen/2:])
	}
}

// TakeLeftOut removes and returns the counts of the events that were left out, the most
// frequent first. Unless all is set, it returns nil until the oldest is as old as the
// window and the rate allows a message.
func (t *Throttle) TakeLeftOut(now time.Time, all bool) []LeftOut {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.omitted) == 0 {
		return nil
	}
	var taken []LeftOut
	for _, l := range t.omitted {
		taken = append(taken, *l)
	}
	if !all && (now.Sub(oldest(taken)) < t.window || !t.limiter.AllowN(now, 1)) {
		return nil
	}
	clear(t.omitted)
	slices.SortFunc(taken, func(a, b LeftOut) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.What, b.What))
	})
	return taken
}

// GiveBack adds counts whose digest could not be sent.
func (t *Throttle) GiveBack(taken []LeftOut) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range taken {
		if existing := t.omitted[l.What]; existing != nil {
			existing.Count += l.Count
			existing.Since = l.Since
			continue
		}
		t.omitted[l.What] = &l
	}
}

// similarityKey returns the key that similar events share: kind, stage and reason. It
// returns false for events that always get their own message: proofs, phases and the
// ends of outages.
func similarityKey(event contract.Event) (string, bool) {
	switch event.Kind {
	case contract.EventAccepted, contract.EventProved, contract.EventChecked, contract.EventQueued, contract.EventProving,
		contract.EventNodeRecovered, contract.EventStageRecovered:
		return "", false
	}
	return string(event.Kind) + "\x00" + event.Stage + "\x00" + event.Facts[contract.FactReason], true
}

// describe describes the events that are similar to this one.
func describe(event contract.Event) string {
	text := string(event.Kind)
	if event.Stage != "" {
		text += " (" + event.Stage + ")"
	}
	if reason := event.Facts[contract.FactReason]; reason != "" {
		text += ": " + reason
	}
	return text
}

// oldest returns the earliest Since.
func oldest(counts []LeftOut) time.Time {
	var first time.Time
	for _, l := range counts {
		if first.IsZero() || l.Since.Before(first) {
			first = l.Since
		}
	}
	return first
}
