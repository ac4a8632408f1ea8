package verify

import (
	"fmt"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
)

// opened is a body divided into its parts. The slices are parts of the body.
type opened struct {
	stages   [4]*tree   // constants, stage 1, stage 2, quotient
	rounds   []*tree    // trees of the low-degree test
	roots    []uint64   // roots of the stages 1, 2 and the quotient
	evals    []uint64   // evaluations of the columns at the opening points
	ldtRoots []uint64   // roots of the trees of the low-degree test
	betas    []uint64   // STIR: values at the samples outside the domain
	final    []uint64   // the final polynomial
	nonces   []uint64   // proofs of work
	answers  [][]uint64 // STIR: interpolations, by round, from the second
	shakes   [][]uint64 // STIR: shake polynomials, by round, from the second

	sharedSiblings []uint64 // of a multiproof: the siblings of all trees
}

// section is a run of words of a body.
type section struct {
	name     string
	words    int
	siblings bool // absent from a multiproof
	take     func(words []uint64)
}

// sections lists the parts of a body in the order that the table determines. The function
// take of each stores its words in o.
func (t *Table) sections(o *opened) []section {
	var out []section
	data := func(name string, n int, to *[]uint64) {
		out = append(out, section{name: name, words: n, take: func(w []uint64) { *to = w }})
	}
	open := func(name string, columns, queries, leaves int) *tree {
		x := &tree{name: name, bits: leaves, columns: columns, levels: t.shape.levels(leaves)}
		data(name+" rows", queries*columns, &x.rows)
		out = append(out, section{name + " siblings", queries * x.levels * t.shape.siblingWords(), true, func(w []uint64) { x.siblings = w }})
		data(name+" top", 4*t.shape.topNodes(), &x.top)
		return x
	}
	data("roots", 12, &o.roots)
	data("evals", 3*t.evals, &o.evals)
	for i, columns := range t.columns {
		o.stages[i] = open([]string{"of the constants", "of stage 1", "of stage 2", "of the quotient"}[i], columns, t.queries, t.extended)
	}
	if f := t.fri; f != nil {
		data("roots of the test", 4*(len(f.steps)-1), &o.ldtRoots)
		for i := 1; i < len(f.steps); i++ {
			o.rounds = append(o.rounds, open(fmt.Sprintf("of round %d", i), 3<<(f.steps[i-1]-f.steps[i]), t.queries, f.steps[i]))
		}
		data("final polynomial", 3<<f.steps[len(f.steps)-1], &o.final)
		data("nonce", 1, &o.nonces)
		return out
	}
	s := t.stir
	m := len(s.folds)
	data("roots of the test", 4*m, &o.ldtRoots)
	for i, k := range s.folds {
		o.rounds = append(o.rounds, open(fmt.Sprintf("of round %d", i+1), 3<<k, s.queries[i], s.domains[i]-k))
	}
	data("betas", 3*(m-1), &o.betas)
	data("final polynomial", 3<<s.degrees[m], &o.final)
	data("nonces", m, &o.nonces)
	o.answers, o.shakes = make([][]uint64, m-1), make([][]uint64, m-1)
	for i := range m - 1 {
		data(fmt.Sprintf("answers of round %d", i+1), 3*(1+s.queries[i]), &o.answers[i])
	}
	for i := range m - 1 {
		data(fmt.Sprintf("shakes of round %d", i+1), 3*(1+s.queries[i]), &o.shakes[i])
	}
	return out
}

// count returns the number of words of a body without shared openings.
func (t *Table) count() int {
	n := 0
	for _, s := range t.sections(new(opened)) {
		n += s.words
	}
	return n
}

// divide splits a body into its parts. With shared openings the trees have no siblings of
// their own; the words after the last part are the siblings of all trees.
func (t *Table) divide(body []uint64, shared bool) (*opened, error) {
	o := new(opened)
	for _, s := range t.sections(o) {
		n := s.words
		if s.siblings && shared {
			n = 0
		}
		if n > len(body) {
			return nil, reject(StepForm, "the proof ends within its part %q", s.name)
		}
		s.take(body[:n:n])
		body = body[n:]
	}
	if !shared && len(body) > 0 {
		return nil, reject(StepForm, "%d words are left over", len(body))
	}
	o.sharedSiblings = body
	return o, nil
}

// cubics copies words as elements of the extension field.
func cubics(words []uint64) []goldilocks.Cubic {
	out := make([]goldilocks.Cubic, len(words)/3)
	for i := range out {
		out[i] = goldilocks.Cubic(words[3*i:])
	}
	return out
}
