package selection

import (
	"strconv"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Edge is a place in the chain: a block number, or a time with which the blocks'
// timestamps are compared, as forks are scheduled. The zero Edge is none.
type Edge struct {
	Number uint64
	Time   time.Time
}

// IsZero reports whether there is no edge.
func (e Edge) IsZero() bool { return e.Number == 0 && e.Time.IsZero() }

// reached reports whether the block is the first at the edge or one behind it. A
// block of which the time is not known is before every time.
func (e Edge) reached(block contract.Block) bool {
	if !e.Time.IsZero() {
		return !block.Time.Before(e.Time)
	}
	return block.Number >= e.Number
}

// compare orders two edges. Nothing is known of a number and a time.
func (e Edge) compare(o Edge) (order int, known bool) {
	switch {
	case e.Time.IsZero() != o.Time.IsZero():
		return 0, false
	case !e.Time.IsZero():
		return e.Time.Compare(o.Time), true
	case e.Number < o.Number:
		return -1, true
	case e.Number > o.Number:
		return 1, true
	}
	return 0, true
}

func (e Edge) String() string {
	if !e.Time.IsZero() {
		return e.Time.UTC().Format(time.RFC3339)
	}
	return strconv.FormatUint(e.Number, 10)
}

// Window are the blocks that one stage of a pipeline takes: those from From on, and
// before Until. A zero edge leaves that side open.
type Window struct{ From, Until Edge }

// Has reports whether the block is one of the window.
func (w Window) Has(block contract.Block) bool {
	return (w.From.IsZero() || w.From.reached(block)) && (w.Until.IsZero() || !w.Until.reached(block))
}

// Empty reports whether it is certain that there is no block in the window.
func (w Window) Empty() bool {
	if w.From.IsZero() || w.Until.IsZero() {
		return false
	}
	order, known := w.From.compare(w.Until)
	return known && order >= 0
}

// Before reports whether it is certain that all blocks of w are before those of o,
// and whether there is no block between them.
func (w Window) Before(o Window) (before, adjacent bool) {
	if w.Until.IsZero() || o.From.IsZero() {
		return false, false
	}
	order, known := w.Until.compare(o.From)
	return known && order <= 0, known && order == 0
}

// Disjoint reports whether it is certain that no block is in both.
func (w Window) Disjoint(o Window) bool {
	before, _ := w.Before(o)
	behind, _ := o.Before(w)
	return before || behind
}

// Within reports whether it is certain that every block of w is one of o.
func (w Window) Within(o Window) bool {
	inside := func(mine, other Edge, sign int) bool {
		if other.IsZero() {
			return true
		}
		order, known := mine.compare(other)
		return !mine.IsZero() && known && sign*order >= 0
	}
	return inside(w.From, o.From, 1) && inside(w.Until, o.Until, -1)
}

// String is "blocks from 20 until 40", or with one of the two, or "all blocks".
func (w Window) String() string {
	switch {
	case w == (Window{}):
		return "all blocks"
	case w.Until.IsZero():
		return "blocks from " + w.From.String() + " on"
	case w.From.IsZero():
		return "blocks until " + w.Until.String()
	}
	return "blocks from " + w.From.String() + " until " + w.Until.String()
}
