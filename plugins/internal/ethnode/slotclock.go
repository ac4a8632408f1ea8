package ethnode

import (
	"slices"
	"sync"
	"time"
)

// Times of the reads of the head around the arrival of a block.
const (
	// denseInterval is the pause between two reads while a block is due.
	denseInterval = 50 * time.Millisecond
	// dueMargin widens the window of arrivals on both sides.
	dueMargin = 100 * time.Millisecond
	// maxDue is the longest time for which a block of one slot is due.
	maxDue = 3 * time.Second
	// preciseWithin is the longest interval between the two reads of a precise arrival.
	// Other arrivals are used only while there are fewer than two precise ones.
	preciseWithin = 300 * time.Millisecond

	// maxArrivals is how many arrivals are kept.
	maxArrivals = 16
	// maxHeadSlots is the age of the head, in slots, from which on no block is due.
	maxHeadSlots = 10
)

// arrival is the time, from the begin of its slot, at which a block arrived: after one
// read of the head and before the next.
type arrival struct{ after, before time.Duration }

// slotClock predicts when the next block is due from the arrivals of earlier ones. The
// timestamp of a block is the begin of its slot, and a node has the block about the same
// time after that. slotClock predicts nothing for a chain whose blocks are not whole
// slots apart, and for a node that is far behind. It is safe for concurrent use.
type slotClock struct {
	mu       sync.Mutex
	head     Header
	observed time.Time // time of the last read of the head
	arrivals []arrival // the newest last
}

// observe records a head that was read at the time now.
func (c *slotClock) observe(h Header, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, observed := c.head, c.observed
	c.head, c.observed = h, now
	if h.Hash == before.Hash || before.Time.IsZero() {
		return
	}
	distance, delay := h.Time.Sub(before.Time), now.Sub(h.Time)
	if h.Number != before.Number+1 || distance <= 0 || distance%slot != 0 || delay < 0 || delay >= slot {
		c.arrivals = nil
		return
	}
	c.arrivals = append(c.arrivals, arrival{after: max(delay-now.Sub(observed), 0), before: delay})
	c.arrivals = c.arrivals[max(len(c.arrivals)-maxArrivals, 0):]
}

// next returns the time until the next read of the head. Before a block is due that is
// the time until it is due, then denseInterval, and more the longer the block is
// overdue. It returns 0 where nothing can be predicted.
func (c *slotClock) next(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := now.Sub(c.head.Time)
	if len(c.arrivals) < 2 || age < 0 || age > maxHeadSlots*slot {
		return 0
	}
	from, to := c.window()
	slots := max((age-from)/slot, 0) // slots after the head's whose window has begun
	rest := (slots+1)*slot + from - age
	if slots == 0 {
		return rest
	}
	return min(max((age-slots*slot-to)/4, denseInterval), rest)
}

// window returns the part of a slot in which a block arrives. From four arrivals on it
// ignores the latest, because one late block does not make the next ones late. The
// caller must hold c.mu.
func (c *slotClock) window() (from, to time.Duration) {
	list := slices.DeleteFunc(slices.Clone(c.arrivals), func(a arrival) bool { return a.before-a.after > preciseWithin })
	if len(list) < 2 {
		list = slices.Clone(c.arrivals)
	}
	slices.SortFunc(list, func(a, b arrival) int { return int(a.before - b.before) })
	if len(list) >= 4 {
		list = list[:len(list)-1]
	}
	from, to = list[0].after, list[len(list)-1].before+dueMargin
	for _, a := range list {
		from = min(from, a.after)
	}
	return max(from-dueMargin, to-maxDue, 0), to
}
