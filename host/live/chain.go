package live

import (
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// heads is how many of the last heads the pace is taken from.
const heads = 64

// tracker observes the head. Nothing is assumed of the length of a slot: slots may
// be empty, and another chain has another pace.
type tracker struct {
	seen   []headSeen
	delays []time.Duration // from a target's timestamp to its job, the newest last
}

type headSeen struct {
	number uint64
	time   time.Time // of the block, or when it was seen
}

// observe takes note of a head.
func (t *tracker) observe(number uint64, at time.Time) {
	if number == 0 || at.IsZero() {
		return
	}
	if n := len(t.seen); n > 0 {
		switch last := &t.seen[n-1]; {
		case number == last.number:
			last.time = at
			return
		case number < last.number: // a reorg, or another node
			t.seen = slices.DeleteFunc(t.seen, func(h headSeen) bool { return h.number >= number })
		}
	}
	t.seen = append(t.seen, headSeen{number, at})
	if len(t.seen) > heads {
		t.seen = slices.Delete(t.seen, 0, len(t.seen)-heads)
	}
}

// delay takes note of how long after its timestamp a block was seen.
func (t *tracker) delay(d time.Duration) {
	if d < 0 || d > time.Minute { // a clock that is wrong, or a block of the past
		return
	}
	if t.delays = append(t.delays, d); len(t.delays) > heads {
		t.delays = slices.Delete(t.delays, 0, 1)
	}
}

// pace is the time per block number between the oldest and the newest head that
// are remembered; 0 where they are the same.
func (t *tracker) pace() time.Duration {
	if len(t.seen) < 2 {
		return 0
	}
	first, last := t.seen[0], t.seen[len(t.seen)-1]
	return max(0, last.time.Sub(first.time)/time.Duration(last.number-first.number))
}

// chain says where the chain stands and when the next target is expected.
func (t *tracker) chain(targets contract.Selection, head uint64, at time.Time) Chain {
	c := Chain{Head: head, HeadTime: at.UTC(), PaceMS: t.pace().Milliseconds()}
	if sorted := slices.Sorted(slices.Values(t.delays)); len(sorted) > 0 {
		c.DelayMS = rank(sorted, 0.5).Milliseconds()
	}
	if head == 0 {
		c.HeadTime = time.Time{}
		return c
	}
	if c.Next = next(targets, head); c.Next != 0 && c.PaceMS > 0 {
		c.NextTime = c.HeadTime.Add(time.Duration(c.Next-head)*t.pace() + time.Duration(c.DelayMS)*time.Millisecond)
	}
	return c
}

// next is the first number behind the head that the selection takes; 0 where there
// is none.
func next(s contract.Selection, head uint64) uint64 {
	if s.Every == 0 {
		return 0
	}
	n := (head/s.Every + 1) * s.Every
	if s.From != nil && *s.From > n {
		n = (*s.From + s.Every - 1) / s.Every * s.Every
	}
	for range max(s.ShardCount, 1) {
		if s.Includes(n) {
			return n
		}
		n += s.Every
	}
	return 0
}
