package live

import (
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// headLimit is the number of last heads from which the pace is computed.
const headLimit = 64

// tracker observes the head of the chain to estimate its pace. It does not assume a
// length of slots, because slots may be empty and chains differ.
type tracker struct {
	heads  []head
	delays []time.Duration // from a target's timestamp to its job, the newest last
}

type head struct {
	number uint64
	time   time.Time // of the block, or when it was seen
}

// observe records a head. It ignores unknown heads (0).
func (t *tracker) observe(number uint64, at time.Time) {
	if number == 0 || at.IsZero() {
		return
	}
	if n := len(t.heads); n > 0 {
		switch last := &t.heads[n-1]; {
		case number == last.number:
			last.time = at
			return
		case number < last.number: // a reorg, or another node
			t.heads = slices.DeleteFunc(t.heads, func(h head) bool { return h.number >= number })
		}
	}
	t.heads = append(t.heads, head{number, at})
	if len(t.heads) > headLimit {
		t.heads = slices.Delete(t.heads, 0, len(t.heads)-headLimit)
	}
}

// observeDelay records how long after its timestamp a block was seen.
func (t *tracker) observeDelay(d time.Duration) {
	if d < 0 || d > time.Minute { // the clock is wrong, or the block is old
		return
	}
	if t.delays = append(t.delays, d); len(t.delays) > headLimit {
		t.delays = slices.Delete(t.delays, 0, 1)
	}
}

// pace returns the mean time per block number between the oldest and the newest recorded
// head; 0 if there are not two.
func (t *tracker) pace() time.Duration {
	if len(t.heads) < 2 {
		return 0
	}
	first, last := t.heads[0], t.heads[len(t.heads)-1]
	return max(0, last.time.Sub(first.time)/time.Duration(last.number-first.number))
}

// chain returns the state of the chain and when the next target is expected.
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

// next returns the first number above the head that the selection takes; 0 if there is
// none.
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
