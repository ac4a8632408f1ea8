package verify

import (
	"errors"
	"slices"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// verification is the state of the verification of one proof.
type verification struct {
	table                       *Table
	strict                      bool
	parts                       *opened
	leaf, node, transcript, pow *hash
	row                         []goldilocks.Cubic // the memory that scratch uses
}

// stark rejects a body that is not a STARK under the setup key for the public words. It
// does not panic, whatever the body. The caller has checked that the key and the public
// words are canonical.
func (t *Table) stark(key [4]uint64, publics, body []uint64, strict bool) (*verification, error) {
	shared := len(body) > 0 && body[0] == multiproofTag
	switch {
	case shared != (t.stir != nil):
		return nil, reject(StepForm, "a body with shared openings: %t, of %v: %t", shared, t, t.stir != nil)
	case shared && len(body)-1 > t.words:
		return nil, reject(StepForm, "the body has %d words; one of %v has at most %d", len(body), t, t.Words())
	case !shared && len(body) != t.words:
		return nil, reject(StepForm, "the body has %d words; one of %v has %d", len(body), t, t.words)
	case len(publics) < t.constraints.maxPublics:
		return nil, reject(StepForm, "%d public words; the constraints of %v read %d", len(publics), t, t.constraints.maxPublics)
	}
	if shared {
		body = body[1:]
	}
	body, err := canonical(body, strict || shared)
	if err != nil {
		return nil, err
	}
	v := &verification{table: t, strict: strict || shared}
	var errs [4]error
	v.leaf, errs[0] = newHash(t.hashes.leaf)
	v.node, errs[1] = newHash(t.hashes.node)
	v.transcript, errs[2] = newHash(t.hashes.transcript)
	v.pow, errs[3] = newHash(t.hashes.work)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if v.parts, err = t.divide(body, shared); err != nil {
		return nil, err
	}
	trees := slices.Concat(v.parts.stages[:], v.parts.rounds)
	roots := slices.Concat(key[:], v.parts.roots, v.parts.ldtRoots)
	for i, x := range trees {
		x.root = digest(roots[4*i:])
	}
	return v, v.run(key, publics, trees)
}

// canonical returns the words in canonical form. With strict it rejects words that are
// not.
func canonical(words []uint64, strict bool) ([]uint64, error) {
	for i, w := range words {
		if w < goldilocks.Modulus {
			continue
		}
		if strict {
			return nil, reject(StepForm, "word %d of the body is no field element", i)
		}
		words = slices.Clone(words)
		for j := i; j < len(words); j++ {
			words[j] = goldilocks.Canonical(words[j])
		}
		return words, nil
	}
	return words, nil
}

// run takes the steps of the verification, the cheapest first. It derives the challenges
// c0 to c5 and leaves the rest to the steps of the low-degree test.
func (v *verification) run(key [4]uint64, publics []uint64, trees []*tree) error {
	tr := newTranscript(v.transcript)
	tr.put(key[:]...)
	if len(publics) > 0 {
		d := digestOf(v.transcript, publics)
		tr.put(d[:]...)
	}
	var c [challenges]goldilocks.Cubic
	roots := v.parts.roots
	tr.put(roots[:4]...)
	c[0], c[1] = tr.cubic(), tr.cubic()
	tr.put(roots[4:8]...)
	c[2] = tr.cubic()
	tr.put(roots[8:12]...)
	c[3] = tr.cubic()
	d := digestOf(v.transcript, v.parts.evals)
	tr.put(d[:]...)
	c[4], c[5] = tr.cubic(), tr.cubic()

	evals := cubics(v.parts.evals)
	if v.table.fri != nil {
		return v.runFRI(tr, &c, evals, publics, trees)
	}
	return v.runSTIR(tr, &c, evals, publics, trees)
}

func (v *verification) runFRI(tr *transcript, c *[challenges]goldilocks.Cubic, evals []goldilocks.Cubic, publics []uint64, trees []*tree) error {
	f := v.table.fri
	fc, err := f.challenges(v, tr)
	if err != nil {
		return err
	}
	if err := v.constraints(c, evals, publics); err != nil {
		return err
	}
	if err := f.degree(v); err != nil {
		return err
	}
	for _, t := range trees {
		if err := v.table.shape.checkTop(v.node, t, v.strict); err != nil {
			return err
		}
	}
	d, err := v.deep(c, evals, fc.queries)
	if err != nil {
		return err
	}
	return v.each(len(fc.queries), func(v *verification, query int) error {
		index := fc.queries[query]
		for _, t := range v.parts.stages {
			if err := v.open(t, query, index); err != nil {
				return err
			}
		}
		return f.query(v, &fc, query, d.value(v, query))
	})
}

// draw derives a set of n queries, numbers of the given bits, from the transcript. It
// rejects the proof if the nonce does not show the work.
func (v *verification) draw(t *transcript, nonce uint64, workBits, n, bits int) ([]int, error) {
	challenge := t.cubic()
	if workBits > 0 && v.pow.work(challenge, nonce) >= 1<<(64-workBits) {
		return nil, reject(StepWork, "the proof of work does not hold: the proof is damaged, or was made with another proving key, release or hash family")
	}
	q := newTranscript(v.transcript)
	q.put(challenge[:]...)
	q.put(nonce)
	return q.indices(n, bits), nil
}

// constraints compares the constraints at the point c3 with the quotient.
func (v *verification) constraints(c *[challenges]goldilocks.Cubic, evals []goldilocks.Cubic, publics []uint64) error {
	t := v.table
	xn := c[3]
	for range t.bits {
		xn = xn.Mul(xn)
	}
	boundary, ok := xn.Sub(goldilocks.One).Inverse()
	if !ok {
		return reject(StepConstraint, "the challenge lies in the domain of the trace")
	}
	if t.constraints.run(evals, c[:], publics, boundary) != goldilocks.Horner(evals[t.quotient:t.quotient+t.parts], xn) {
		return reject(StepConstraint, "the constraints do not hold")
	}
	return nil
}

// combination holds the values from which the combined values of all queries are computed.
type combination struct {
	evals    []goldilocks.Cubic
	c4, c5   goldilocks.Cubic
	weights  []goldilocks.Cubic
	points   int                // number of opening points
	divisors []goldilocks.Cubic // 1/(x - opening), for each query and opening
}

// deep computes the values that the queries share.
func (v *verification) deep(c *[challenges]goldilocks.Cubic, evals []goldilocks.Cubic, queries []int) (*combination, error) {
	t := v.table
	points := make([]goldilocks.Cubic, len(t.openings))
	root := goldilocks.Root(t.bits)
	for i, o := range t.openings {
		w := goldilocks.Exp(root, uint64(max(o, -o)))
		if o < 0 {
			w = goldilocks.Inverse(w)
		}
		points[i] = c[3].Scale(w)
	}
	divisors := make([]goldilocks.Cubic, 0, len(queries)*len(points))
	for _, index := range queries {
		x := goldilocks.Base(goldilocks.Mul(goldilocks.Shift, goldilocks.Exp(goldilocks.Root(t.extended), uint64(index))))
		for _, p := range points {
			divisors = append(divisors, x.Sub(p))
		}
	}
	if !goldilocks.InvertAll(divisors) {
		return nil, reject(StepConstraint, "a query lies on an opening point")
	}
	return &combination{evals: evals, c4: c[4], c5: c[5], weights: t.deep.weights(c[5]), points: len(points), divisors: divisors}, nil
}

// value combines the rows that a query opens in the trees of the stages.
func (d *combination) value(v *verification, query int) goldilocks.Cubic {
	var rows [4][]uint64
	for i, t := range v.parts.stages {
		rows[i] = t.row(query)
	}
	return v.table.deep.value(d.evals, d.c4, d.c5, d.weights, &rows, d.divisors[query*d.points:])
}

// open rejects the row of a query if it is not the leaf at index of the tree.
func (v *verification) open(t *tree, query, index int) error {
	return v.table.shape.checkOpening(v.leaf, v.node, t, query, index)
}

// scratch returns a copy of a row as field elements. The copy may be overwritten and is
// valid until the next call.
func (v *verification) scratch(row []uint64) []goldilocks.Cubic {
	v.row = v.row[:0]
	for ; len(row) > 0; row = row[3:] {
		v.row = append(v.row, goldilocks.Cubic(row))
	}
	return v.row
}

// calls returns how often each hash function was called.
func (v *verification) calls() map[hashSpec]int {
	out := map[hashSpec]int{}
	out[v.table.hashes.leaf] += v.leaf.calls
	out[v.table.hashes.node] += v.node.calls
	out[v.table.hashes.transcript] += v.transcript.calls
	out[v.table.hashes.work] += v.pow.calls
	return out
}
