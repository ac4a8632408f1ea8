package verify

import (
	"fmt"
	"slices"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// stir is the schedule of the low-degree test STIR: round i folds 2^folds[i]
// values on the coset 7*<Root(domains[i])>.
type stir struct {
	folds    []int
	degrees  []int // log2 of the degree bounds, one more than there are folds
	domains  []int // log2 of the domain sizes
	queries  []int // number of queries
	workBits []int
}

func (s *stir) check(t *Table) error {
	m := len(s.folds)
	if m < 2 || m > maxRounds || len(s.degrees) != m+1 || len(s.domains) < m || len(s.queries) != m || len(s.workBits) != m {
		return fmt.Errorf("STIR with the folds %v, degrees %v, domains %v, queries %v, work %v", s.folds, s.degrees, s.domains, s.queries, s.workBits)
	}
	if s.domains[0] != t.extended || s.degrees[0] != t.bits || s.queries[0] != t.queries || s.degrees[m] < 0 || s.degrees[m] > 14 {
		return fmt.Errorf("STIR from 2^%d to degree 2^%d on 2^%d points, of a trace of 2^%d", s.degrees[0], s.degrees[m], s.domains[0], t.bits)
	}
	for i, k := range s.folds {
		switch {
		case k < 1 || k > maxFold || s.degrees[i+1] != s.degrees[i]-k:
			return fmt.Errorf("STIR folds 2^%d values from degree 2^%d to 2^%d", k, s.degrees[i], s.degrees[i+1])
		case s.degrees[i] >= s.domains[i] || s.domains[i] < k || i > 0 && s.domains[i] != s.domains[i-1]-1:
			return fmt.Errorf("STIR on the domains 2^%v", s.domains)
		case s.queries[i] < 1 || s.queries[i] > maxQueries || s.workBits[i] < 0 || s.workBits[i] > 63:
			return fmt.Errorf("STIR with %d queries and %d bits of work", s.queries[i], s.workBits[i])
		}
	}
	return nil
}

// stirRound holds the challenges of a round that is not the last.
type stirRound struct {
	out, fold, combine goldilocks.Cubic
	queries            []int
	at                 goldilocks.Cubic // the point at which the answers are compared
}

// stirChallenges holds the challenges of the test.
type stirChallenges struct {
	fold    goldilocks.Cubic // for the first round
	rounds  []stirRound
	queries []int // of the last round
}

// queriesOf returns the queries of a round.
func (c *stirChallenges) queriesOf(round int) []int {
	if round < len(c.rounds) {
		return c.rounds[round].queries
	}
	return c.queries
}

// challenges derives the challenges of the test from the transcript and checks the proofs
// of work.
func (s *stir) challenges(v *verification, t *transcript) (stirChallenges, error) {
	var c stirChallenges
	m := len(s.folds)
	t.put(v.parts.ldtRoots[:4]...)
	c.fold = t.cubic()
	for i := range m - 1 {
		var r stirRound
		t.put(v.parts.ldtRoots[4*i+4 : 4*i+8]...)
		r.out = t.cubic()
		t.put(v.parts.betas[3*i : 3*i+3]...)
		r.fold, r.combine = t.cubic(), t.cubic()
		var err error
		if r.queries, err = v.draw(t, v.parts.nonces[i], s.workBits[i], s.queries[i], s.domains[i]); err != nil {
			return c, err
		}
		t.put(v.parts.answers[i]...)
		t.put(v.parts.shakes[i]...)
		r.at = t.cubic()
		c.rounds = append(c.rounds, r)
	}
	d := digestOf(v.transcript, v.parts.final)
	t.put(d[:]...)
	var err error
	c.queries, err = v.draw(t, v.parts.nonces[m-1], s.workBits[m-1], s.queries[m-1], s.domains[m-1])
	return c, err
}

func (v *verification) runSTIR(tr *transcript, c *[challenges]goldilocks.Cubic, evals []goldilocks.Cubic, publics []uint64, trees []*tree) error {
	s := v.table.stir
	sc, err := s.challenges(v, tr)
	if err != nil {
		return err
	}
	if err := v.constraints(c, evals, publics); err != nil {
		return err
	}
	for _, t := range trees {
		if err := v.table.shape.checkTop(v.node, t, v.strict); err != nil {
			return err
		}
	}
	if err := v.openAll(trees, func(i int) []int {
		if i < len(v.parts.stages) {
			return sc.queriesOf(0)
		}
		return sc.queriesOf(i - len(v.parts.stages))
	}); err != nil {
		return err
	}
	d, err := v.deep(c, evals, sc.queriesOf(0))
	if err != nil {
		return err
	}
	return s.test(v, &sc, d)
}

// openAll checks the shared openings of all trees. The queries of a tree are
// reduced to the number of its leaves.
func (v *verification) openAll(trees []*tree, queries func(tree int) []int) error {
	shape := v.table.shape
	indices, siblings := make([][]int, len(trees)), make([][]uint64, len(trees))
	rest := v.parts.sharedSiblings
	for i, t := range trees {
		indices[i] = slices.Clone(queries(i))
		for j := range indices[i] {
			indices[i][j] &= 1<<t.bits - 1
		}
		n := 4 * shape.siblings(t, indices[i])
		if n > len(rest) {
			return reject(StepForm, "the proof ends within the tree %s", t.name)
		}
		siblings[i], rest = rest[:n], rest[n:]
	}
	if len(rest) > 0 {
		return reject(StepForm, "%d words are left over", len(rest))
	}
	return v.each(len(trees), func(v *verification, i int) error {
		return shape.checkShared(v.leaf, v.node, trees[i], indices[i], siblings[i])
	})
}

// test folds the opened rows round by round, and rejects values that do not agree. d gives
// the values of the polynomial under test at the queries of the first round.
func (s *stir) test(v *verification, c *stirChallenges, d *combination) error {
	values := make([]goldilocks.Cubic, len(c.queriesOf(0)))
	for query := range values {
		values[query] = d.value(v, query)
	}
	var before *quotient
	fold := c.fold
	for i := range len(s.folds) - 1 {
		r := c.rounds[i]
		// The sample must lie outside the domain, which consists of elements of the base field.
		if r.out[1] == 0 && r.out[2] == 0 &&
			goldilocks.Exp(goldilocks.Mul(r.out[0], goldilocks.Inverse(goldilocks.Shift)), 1<<s.domains[i+1]) == 1 {
			return reject(StepFold, "the sample of round %d lies in the domain", i+1)
		}
		q := &quotient{combine: r.combine}
		q.add(r.out, goldilocks.Cubic(v.parts.betas[3*i:]))
		for query, raw := range r.queries {
			value, point, err := s.folded(v, i, query, raw, before, fold, values)
			if err != nil {
				return err
			}
			q.add(goldilocks.Base(point), value)
		}
		if err := q.check(i+1, 1<<s.degrees[i+1], cubics(v.parts.answers[i]), cubics(v.parts.shakes[i]), r.at); err != nil {
			return err
		}
		before, fold = q, r.fold
	}
	last := len(s.folds) - 1
	final := cubics(v.parts.final)
	for query, raw := range c.queries {
		value, point, err := s.folded(v, last, query, raw, before, fold, values)
		if err != nil {
			return err
		}
		if goldilocks.HornerBase(final, point) != value {
			return reject(StepFold, "query %d has another value in the final polynomial than before", query)
		}
	}
	return nil
}

// folded returns the value to which the row of a query folds in a round, and the point of
// that value. before is the quotient of the round before, nil in the first round.
func (s *stir) folded(v *verification, round, query, raw int, before *quotient, challenge goldilocks.Cubic, values []goldilocks.Cubic) (goldilocks.Cubic, uint64, error) {
	k, domain := s.folds[round], s.domains[round]
	leaves := 1 << (domain - k)
	leaf := raw & (leaves - 1)
	row := v.scratch(v.parts.rounds[round].row(query))
	root := goldilocks.Root(domain)
	start := goldilocks.Mul(goldilocks.Shift, goldilocks.Exp(root, uint64(leaf)))
	if before == nil {
		if row[raw/leaves] != values[query] {
			return goldilocks.Cubic{}, 0, reject(StepFold, "query %d has another value in round %d than before", query, round+1)
		}
	} else if !before.apply(row, start, goldilocks.Exp(root, uint64(leaves))) {
		return goldilocks.Cubic{}, 0, reject(StepFold, "query %d of round %d lies on a point that was opened before", query, round+1)
	}
	value := goldilocks.Fold(row, challenge, start)
	return value, goldilocks.Exp(start, 1<<k), nil
}

// quotient is the function that a round derives from the one before. It is the difference
// of that function and the prover's interpolation of it on a set of points, divided by the
// polynomial that vanishes on these points, with its degree corrected.
type quotient struct {
	combine goldilocks.Cubic
	points  []goldilocks.Cubic
	inBase  []uint64           // the points that lie in the base field, as those of all queries do
	outside []goldilocks.Cubic // the other points
	values  []goldilocks.Cubic // the values at the points
	answers []goldilocks.Cubic // coefficients of the interpolation
}

// add adds a point and its value, unless the point has been added before.
func (q *quotient) add(point, value goldilocks.Cubic) {
	if slices.Contains(q.points, point) {
		return
	}
	q.points, q.values = append(q.points, point), append(q.values, value)
	if point[1] == 0 && point[2] == 0 {
		q.inBase = append(q.inBase, point[0])
	} else {
		q.outside = append(q.outside, point)
	}
}

// check rejects an interpolation of the prover that does not have the values at the
// points. It compares two rational functions at the random point at: the shake polynomial
// must be the sum of (answers - value)/(x - point).
func (q *quotient) check(round, bound int, answers, shake []goldilocks.Cubic, at goldilocks.Cubic) error {
	n := len(q.points)
	if n >= bound {
		return reject(StepFold, "round %d has %d points for a degree below %d", round, n, bound)
	}
	for _, c := range slices.Concat(answers[n:], shake[n:]) {
		if !c.IsZero() {
			return reject(StepForm, "the padding of round %d is not zero", round)
		}
	}
	q.answers = answers[:n]
	differences := make([]goldilocks.Cubic, n)
	for i, p := range q.points {
		differences[i] = at.Sub(p)
	}
	if !goldilocks.InvertAll(differences) {
		return reject(StepFold, "the point of comparison of round %d is one of its points", round)
	}
	answer := goldilocks.Horner(q.answers, at)
	var sum goldilocks.Cubic
	for i, d := range differences {
		sum = sum.Add(answer.Sub(q.values[i]).Mul(d))
	}
	if goldilocks.Horner(shake, at) != sum {
		return reject(StepFold, "the answers of round %d are not the values at its points", round)
	}
	return nil
}

// apply replaces the values at start, start*step, start*step^2, … by those of
// the quotient. It returns false if one of these arguments is a point of the quotient.
func (q *quotient) apply(values []goldilocks.Cubic, start, step uint64) bool {
	n := uint64(len(q.points)) + 1
	denominators := make([]goldilocks.Cubic, len(values))
	x := start
	for i := range values {
		at := goldilocks.Base(x)
		// The degree is corrected by 1 + y + … + y^(n-1) = (y^n - 1)/(y - 1).
		y := q.combine.Scale(x)
		den := y.Sub(goldilocks.One)
		correction := goldilocks.Base(n)
		if den.IsZero() {
			den = goldilocks.One
		} else {
			correction = y.Exp(n).Sub(goldilocks.One)
		}
		product := uint64(1)
		for _, p := range q.inBase {
			product = goldilocks.Mul(product, goldilocks.Sub(x, p))
		}
		den = den.Scale(product)
		for _, p := range q.outside {
			den = den.Mul(at.Sub(p))
		}
		denominators[i] = den
		values[i] = values[i].Sub(goldilocks.HornerBase(q.answers, x)).Mul(correction)
		x = goldilocks.Mul(x, step)
	}
	if !goldilocks.InvertAll(denominators) {
		return false
	}
	for i := range values {
		values[i] = values[i].Mul(denominators[i])
	}
	return true
}
