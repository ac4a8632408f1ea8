package selection

import (
	"strconv"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Edge is a position in the chain: either a block number, or a time that is compared with
// the timestamps of blocks, as for a fork. The zero Edge is no position.
type Edge struct {
	Number uint64
	Time   time.Time // when set, Number does not count
}

// IsZero reports whether there is no edge.
func (e Edge) IsZero() bool { return e.Number == 0 && e.Time.IsZero() }

// reached reports whether the block lies at the edge or after it. A block whose time is
// not known lies before every time.
func (e Edge) reached(block contract.Block) bool {
	if !e.Time.IsZero() {
		return !block.Time.Before(e.Time)
	}
	return block.Number >= e.Number
}

// compare orders two edges. known is false for a number and a time, which cannot be
// compared.
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

// Window is the set of blocks that one stage takes: those from From on that lie before
// Until. A zero edge is no bound.
type Window struct{ From, Until Edge }

// Has reports whether the block is in the window.
func (w Window) Has(block contract.Block) bool {
	return (w.From.IsZero() || w.From.reached(block)) && (w.Until.IsZero() || !w.Until.reached(block))
}

// Empty reports whether the window certainly contains no block.
func (w Window) Empty() bool {
	if w.From.IsZero() || w.Until.IsZero() {
		return false
	}
	order, known := w.From.compare(w.Until)
	return known && order >= 0
}

// Before reports whether all blocks of w certainly lie before those of o, and whether
// there is no block between them.
func (w Window) Before(o Window) (before, adjacent bool) {
	if w.Until.IsZero() || o.From.IsZero() {
		return false, false
	}
	order, known := w.Until.compare(o.From)
	return known && order <= 0, known && order == 0
}

// Disjoint reports whether certainly no block is in both windows.
func (w Window) Disjoint(o Window) bool {
	before, _ := w.Before(o)
	behind, _ := o.Before(w)
	return before || behind
}

// Within reports whether certainly every block of w is in o.
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

// String returns for example "blocks from 20 until 40", "blocks until 40" or "all
// blocks".
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
