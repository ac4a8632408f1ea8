package ethnode

import (
	"slices"
	"sync"
	"time"
)

// Times of looks around the arrival of a block.
const (
	// denseInterval is the pause between two looks while a block is due.
	denseInterval = 50 * time.Millisecond
	// dueMargin is how much earlier and later than ever before a block may come.
	dueMargin = 100 * time.Millisecond
	// dueMost is the longest time for which a block of one slot is due.
	dueMost = 3 * time.Second
	// precise arrivals are known to within this; others are used until there are some.
	precise = 300 * time.Millisecond

	arrivalsKept = 16
	// stalled is how many slots a head may be old until its successor is due no more.
	stalled = 10
)

// arrival is when in its slot a block has come: between two looks.
type arrival struct{ after, before time.Duration }

// slotClock learns when in their slot the blocks of a chain come, and says when the next
// one is due: the time of a block is that of the begin of its slot, and a node has it
// about the same time after that. A chain whose blocks lie other than whole slots apart,
// and a node that is far behind, teach it nothing. It is safe for concurrent use.
type slotClock struct {
	mu       sync.Mutex
	head     Header
	looked   time.Time // when the head was looked at last
	arrivals []arrival // the newest last
}

// look takes note of a head that was read.
func (c *slotClock) look(h Header, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, looked := c.head, c.looked
	c.head, c.looked = h, now
	if h.Hash == before.Hash || before.Time.IsZero() {
		return
	}
	apart, since := h.Time.Sub(before.Time), now.Sub(h.Time)
	if h.Number != before.Number+1 || apart <= 0 || apart%slot != 0 || since < 0 || since >= slot {
		c.arrivals = nil
		return
	}
	c.arrivals = append(c.arrivals, arrival{after: max(since-now.Sub(looked), 0), before: since})
	c.arrivals = c.arrivals[max(len(c.arrivals)-arrivalsKept, 0):]
}

// next is the time until the next look at the head: while a block is due denseInterval,
// and the longer it is overdue the more; before that the time until it is due. It is 0
// where nothing is known.
func (c *slotClock) next(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := now.Sub(c.head.Time)
	if len(c.arrivals) < 2 || age < 0 || age > stalled*slot {
		return 0
	}
	from, to := c.window()
	slots := max((age-from)/slot, 0) // after the head's, that have reached their window
	rest := (slots+1)*slot + from - age
	if slots == 0 {
		return rest
	}
	return min(max((age-slots*slot-to)/4, denseInterval), rest)
}

// window is the part of a slot in which a block comes. With some experience the latest
// arrival is left out: after a late block the others are as early as ever.
func (c *slotClock) window() (from, to time.Duration) {
	list := slices.DeleteFunc(slices.Clone(c.arrivals), func(a arrival) bool { return a.before-a.after > precise })
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
	return max(from-dueMargin, to-dueMost, 0), to
}
