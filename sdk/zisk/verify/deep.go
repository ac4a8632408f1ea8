package verify

import (
	"fmt"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// deep describes how the columns that a query opens combine to the value of the
// polynomial whose degree is tested. The weights of the terms within a group are
// powers of c5, and those of the groups are powers of c4.
type deep struct {
	groups []deepGroup
	powers int // number of powers of c5 in use; 0 if Horner's rule gives the weights
}

type deepGroup struct {
	opening int
	columns []deepColumn
}

type deepColumn struct {
	bucket, offset, width int // tree, first word in its row, and number of words, 1 or 3
	power                 int // exponent of c5
}

// newDeep fails if the groups of a table do not fit the widths of the opened rows
// or the numbers of openings and evaluations.
func newDeep(groups []deepGroup, powers bool, columns [4]int, openings, evals int) (*deep, error) {
	d := &deep{groups: groups}
	n := 0
	for _, g := range groups {
		if g.opening < 0 || g.opening >= openings || len(g.columns) == 0 {
			return nil, fmt.Errorf("a group of %d columns at opening %d of %d", len(g.columns), g.opening, openings)
		}
		n += len(g.columns)
		for _, c := range g.columns {
			if c.bucket < 0 || c.bucket > 3 || c.width != 1 && c.width != 3 || c.offset < 0 || c.offset > columns[c.bucket]-c.width || c.power < 0 || c.power >= maxProgram {
				return nil, fmt.Errorf("column %+v does not exist", c)
			}
			if powers {
				d.powers = max(d.powers, c.power+1)
			}
		}
	}
	if n != evals || len(groups) == 0 {
		return nil, fmt.Errorf("%d columns for %d evaluations", n, evals)
	}
	return d, nil
}

// weights returns the powers of c5.
func (d *deep) weights(c5 goldilocks.Cubic) []goldilocks.Cubic {
	out := make([]goldilocks.Cubic, d.powers)
	w := goldilocks.One
	for i := range out {
		out[i] = w
		w = w.Mul(c5)
	}
	return out
}

// value combines the rows that one query opens to one value. The divisors are
// 1/(x - opening) for each opening point.
func (d *deep) value(evals []goldilocks.Cubic, c4, c5 goldilocks.Cubic, weights []goldilocks.Cubic, rows *[4][]uint64, divisors []goldilocks.Cubic) goldilocks.Cubic {
	var out goldilocks.Cubic
	for i, g := range d.groups {
		var acc goldilocks.Cubic
		for j, c := range g.columns {
			row := rows[c.bucket][c.offset:]
			term := goldilocks.Base(row[0])
			if c.width == 3 {
				term = goldilocks.Cubic(row[:3])
			}
			term = term.Sub(evals[j])
			if d.powers > 0 {
				acc = acc.Add(term.Mul(weights[c.power]))
			} else {
				acc = acc.Mul(c5).Add(term)
			}
		}
		evals = evals[len(g.columns):]
		acc = acc.Mul(divisors[g.opening])
		if i > 0 {
			acc = out.Mul(c4).Add(acc)
		}
		out = acc
	}
	return out
}
