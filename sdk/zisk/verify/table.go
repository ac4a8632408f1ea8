package verify

import (
	"fmt"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// challenges is the number of challenges that a program can read, which are c0 to c5.
const challenges = 6

// Table holds what the verifier needs to know about a proving setup besides its key: the
// shape of the proof, the constraints, and the parameters of the low-degree test.
// It is immutable and safe for concurrent use.
type Table struct {
	Releases []string     // the releases of ZisK that share the table, oldest first
	Family   proof.Family // the family of hash functions
	Minimal  bool         // whether it is for minimal proofs and not for final ones
	Source   string       // where the numbers were published

	words   int // number of words of a body; a multiproof has fewer
	publics int // number of public words of a proof; 0 if the file states it
	hashes  struct{ leaf, node, transcript, work hashSpec }

	bits, extended int    // the trace has 2^bits rows; polynomials are committed on 2^extended points
	columns        [4]int // number of columns of each stage tree
	evals          int    // number of evaluations
	quotient       int    // index of the first evaluation of the quotient's parts
	parts          int    // number of parts of the quotient
	openings       []int  // the opening points, as exponents of the trace's root of unity
	shape          branching
	queries        int // number of queries of the stage trees

	constraints *program
	deep        *deep
	fri         *fri  // exactly one of fri and stir is set
	stir        *stir // set for multiproofs
}

// BindsPublics reports whether the constraints read the public words. Up to 1.2 they do
// not. A proof that verifies then shows that its public words were not changed after it
// was made, but a dishonest prover can make another proof with other public words by
// running the last step again.
func (t *Table) BindsPublics() bool { return t.constraints.maxPublics > 0 }

// Words returns the number of words of a body. For a multiproof it is the largest number
// that a body can have.
func (t *Table) Words() int {
	if t.stir != nil {
		return t.words + 1
	}
	return t.words
}

// Release returns the oldest release of the table. It is zero for a table that was read
// from a proving key.
func (t *Table) Release() proof.Release {
	if len(t.Releases) == 0 {
		return proof.Release{}
	}
	r, _ := proof.ParseRelease(t.Releases[0])
	return r
}

// String names releases, family and kind of proof, for messages.
func (t *Table) String() string {
	return fmt.Sprintf("ZisK %s, %s, %s", t.releases(), t.Family, kindOf(t.Minimal))
}

func (t *Table) releases() string {
	if len(t.Releases) == 0 {
		return "of an unknown release"
	}
	first, last := t.Releases[0], t.Releases[len(t.Releases)-1]
	if first == last {
		return first
	}
	return first + " to " + last
}

func kindOf(minimal bool) string {
	if minimal {
		return "minimal"
	}
	return "final"
}

// Limits of the numbers in a table. Every table of a release stays below a quarter of each.
const (
	maxColumns  = 1 << 12
	maxQueries  = 512
	maxRounds   = 16
	maxFold     = 8 // a fold joins at most 2^maxFold values
	maxParts    = 64
	maxOpenings = 512
)

// check fails if the numbers of the table do not fit together, so that no proof can make
// the verifier access memory out of bounds.
func (t *Table) check() error {
	hashes := t.hashes
	switch {
	case t.bits < 1 || t.extended <= t.bits || t.extended > goldilocks.MaxBits-1:
		return fmt.Errorf("a domain of 2^%d points for 2^%d rows", t.extended, t.bits)
	case t.shape.arity != 2 && t.shape.arity != 4, t.shape.last < 0, t.shape.last > 8, t.shape.last > 4 && t.shape.arity == 4:
		return fmt.Errorf("trees of arity %d with %d levels on top", t.shape.arity, t.shape.last)
	case hashes.node.width != 4*t.shape.arity:
		return fmt.Errorf("nodes of %d words hashed by a permutation of width %d", 4*t.shape.arity, hashes.node.width)
	case hashes.leaf.width < 8 || hashes.transcript.width < 8:
		return fmt.Errorf("leaf and transcript hashes of the widths %d, %d", hashes.leaf.width, hashes.transcript.width)
	case t.queries < 1 || t.queries > maxQueries:
		return fmt.Errorf("%d queries", t.queries)
	case t.evals < 1 || t.evals > 4*maxColumns || t.parts < 1 || t.parts > maxParts || t.quotient < 0 || t.quotient+t.parts > t.evals:
		return fmt.Errorf("the quotient's evaluations %d to %d of %d", t.quotient, t.quotient+t.parts, t.evals)
	case len(t.openings) < 1 || len(t.openings) > maxOpenings:
		return fmt.Errorf("%d opening points", len(t.openings))
	case (t.fri == nil) == (t.stir == nil):
		return fmt.Errorf("no low-degree test, or two")
	}
	for _, n := range t.columns {
		if n < 1 || n > maxColumns {
			return fmt.Errorf("a tree of %d columns", n)
		}
	}
	for _, o := range t.openings {
		if o < -1<<16 || o > 1<<16 {
			return fmt.Errorf("opening point %d", o)
		}
	}
	for _, s := range []hashSpec{hashes.leaf, hashes.node, hashes.transcript, hashes.work} {
		if _, err := newHash(s); err != nil {
			return err
		}
	}
	var err error
	if t.fri != nil {
		err = t.fri.check(t)
	} else {
		err = t.stir.check(t)
	}
	return err
}
