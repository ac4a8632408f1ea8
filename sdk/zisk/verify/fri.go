package verify

import (
	"fmt"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// fri is the schedule of the low-degree test FRI.
type fri struct {
	steps    []int // log2 of the domain sizes, from the extended domain down
	workBits int
}

func (f *fri) check(t *Table) error {
	if len(f.steps) < 2 || len(f.steps) > maxRounds || f.steps[0] != t.extended || f.workBits < 0 || f.workBits > 63 {
		return fmt.Errorf("FRI with the steps %v and %d bits of work", f.steps, f.workBits)
	}
	for i := 1; i < len(f.steps); i++ {
		if k := f.steps[i-1] - f.steps[i]; k < 1 || k > maxFold || f.steps[i] < 0 {
			return fmt.Errorf("FRI folds 2^%d values", k)
		}
	}
	if last := f.steps[len(f.steps)-1]; last > 14 || last < t.extended-t.bits {
		return fmt.Errorf("a final polynomial on 2^%d points cannot show the degree", last)
	}
	return nil
}

// friChallenges holds the challenges of the test.
type friChallenges struct {
	folds   []goldilocks.Cubic
	queries []int
}

// challenges derives the challenges of the test from the transcript and checks the proof
// of work.
func (f *fri) challenges(v *verification, t *transcript) (friChallenges, error) {
	var c friChallenges
	for i := range len(f.steps) - 1 {
		t.put(v.parts.ldtRoots[4*i : 4*i+4]...)
		c.folds = append(c.folds, t.cubic())
	}
	d := digestOf(v.transcript, v.parts.final)
	t.put(d[:]...)
	var err error
	c.queries, err = v.draw(t, v.parts.nonces[0], f.workBits, v.table.queries, f.steps[0])
	return c, err
}

// degree checks the degree of the final polynomial, which the proof holds by its values.
func (f *fri) degree(v *verification) error {
	values := cubics(v.parts.final)
	goldilocks.Interpolate(values)
	keep := 1 << (f.steps[len(f.steps)-1] - (v.table.extended - v.table.bits))
	for _, c := range values[keep:] {
		if !c.IsZero() {
			return reject(StepDegree, "the final polynomial has too high a degree")
		}
	}
	return nil
}

// query follows the value of one query through all folds to the final
// polynomial.
func (f *fri) query(v *verification, c *friChallenges, query int, value goldilocks.Cubic) error {
	index := c.queries[query]
	coset := goldilocks.Shift
	for s, round := range v.parts.rounds {
		from, to := f.steps[s], f.steps[s+1]
		row := v.scratch(round.row(query))
		next := index & (1<<to - 1)
		if row[index>>to] != value {
			return reject(StepFold, "query %d has another value in round %d than before", query, s+1)
		}
		if err := v.open(round, query, next); err != nil {
			return err
		}
		value = goldilocks.Fold(row, c.folds[s], goldilocks.Mul(coset, goldilocks.Exp(goldilocks.Root(from), uint64(next))))
		for range from - to {
			coset = goldilocks.Mul(coset, coset)
		}
		index = next
	}
	if goldilocks.Cubic(v.parts.final[3*index:]) != value {
		return reject(StepFold, "query %d has another value in the final polynomial than before", query)
	}
	return nil
}
