package selection

import (
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

func number(n uint64) Edge { return Edge{Number: n} }

func at(seconds int64) Edge { return Edge{Time: time.Unix(seconds, 0)} }

func TestWindowHas(t *testing.T) {
	for _, c := range []struct {
		window  Window
		number  uint64
		seconds int64 // 0: the time is not known
		want    bool
	}{
		{Window{}, 0, 0, true},
		{Window{From: number(20)}, 19, 5, false},
		{Window{From: number(20)}, 20, 5, true},
		{Window{Until: number(20)}, 19, 5, true},
		{Window{Until: number(20)}, 20, 5, false},
		{Window{number(20), number(30)}, 29, 5, true},
		{Window{number(20), number(30)}, 30, 5, false},
		{Window{From: at(1000)}, 7, 999, false},
		{Window{From: at(1000)}, 7, 1000, true},
		{Window{Until: at(1000)}, 7, 999, true},
		{Window{Until: at(1000)}, 7, 1000, false},
		{Window{From: at(1000)}, 7, 0, false},
		{Window{Until: at(1000)}, 7, 0, true},
		{Window{number(20), at(1000)}, 20, 999, true},
		{Window{number(20), at(1000)}, 20, 1000, false},
	} {
		block := contract.Block{Number: c.number}
		if c.seconds > 0 {
			block.Time = time.Unix(c.seconds, 0)
		}
		if got := c.window.Has(block); got != c.want {
			t.Errorf("%v has block %d of time %d: %v", c.window, c.number, c.seconds, got)
		}
	}
}

func TestWindowRelations(t *testing.T) {
	all, until20, from20, from21 := Window{}, Window{Until: number(20)}, Window{From: number(20)}, Window{From: number(21)}
	untilTime, fromTime := Window{Until: at(1000)}, Window{From: at(1000)}
	for _, c := range []struct {
		a, b                         Window
		disjoint, before, adjacent   bool
		within, emptyOfA, reversedIn bool
	}{
		{a: all, b: all, within: true, reversedIn: true},
		{a: until20, b: all, within: true},
		{a: until20, b: from20, disjoint: true, before: true, adjacent: true},
		{a: until20, b: from21, disjoint: true, before: true},
		{a: from21, b: until20, disjoint: true},
		{a: from21, b: from20, within: true},
		{a: Window{number(5), number(10)}, b: until20, within: true},
		{a: Window{number(5), number(25)}, b: until20},
		{a: untilTime, b: fromTime, disjoint: true, before: true, adjacent: true},
		{a: until20, b: fromTime}, // nothing is known
		{a: untilTime, b: until20},
		{a: Window{number(20), number(20)}, b: all, within: true, emptyOfA: true},
	} {
		before, adjacent := c.a.Before(c.b)
		if before != c.before || adjacent != c.adjacent || c.a.Disjoint(c.b) != c.disjoint || c.b.Disjoint(c.a) != c.disjoint ||
			c.a.Within(c.b) != c.within || c.b.Within(c.a) != c.reversedIn || c.a.Empty() != c.emptyOfA {
			t.Errorf("%v and %v: before %v, adjacent %v, disjoint %v, within %v, around %v, empty %v",
				c.a, c.b, before, adjacent, c.a.Disjoint(c.b), c.a.Within(c.b), c.b.Within(c.a), c.a.Empty())
		}
	}
	for text, w := range map[string]Window{
		"all blocks": all, "blocks from 20 on": from20, "blocks until 20": until20, "blocks from 5 until 1970-01-01T00:16:40Z": {number(5), at(1000)},
	} {
		if w.String() != text {
			t.Errorf("%q, want %q", w, text)
		}
	}
}
