package verify

import (
	"errors"
	"fmt"
	"time"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Expect holds what the caller knows about a proof from other sources than the proof.
type Expect struct {
	// Setup is the key of the proving setup. It is required, and must come from the
	// operator or from proof.Setups, never from the proof.
	Setup proof.Key
	// Release is the release of ZisK that made the proof, if it is known. It selects the
	// tables, and so the constraints. If it is zero, the release of a published setup
	// selects them, and for another setup every table that may fit the proof is tried.
	Release proof.Release
	// Tables are used instead of the embedded ones; see ReadProvingKey.
	Tables []*Table
	// Program is the key of the program. With nil every program is accepted.
	Program *proof.Key
	// Outputs judges the guest's public outputs; an error rejects the proof. With nil
	// all outputs are accepted.
	Outputs func([]byte) error
	// Lenient accepts what the published verifiers accept; see the package comment.
	Lenient bool
}

// Result describes a proof that was accepted.
type Result struct {
	Proof *proof.Proof
	Table *Table       // the table by which it was verified
	Setup proof.Key    // the setup key that was expected
	Known *proof.Setup // the published setup with this key; nil if there is none
	// Hollow is true if all constant columns behind the setup key are zero. The
	// constraints then prove nothing.
	Hollow bool
	// Hashes holds the number of calls of each hash function, by family and width, such
	// as "poseidon2/16".
	Hashes map[string]int
	Time   time.Duration // duration of the verification
}

// ErrNoTable is wrapped by the error for a proof of a release, or of a kind, without a
// table. Whether the proof is valid is then not known.
var ErrNoTable = errors.New("there is no table of constraints")

// Wire verifies a proof in the bytes that are sent to a verifier, plain or compressed with
// zstd as ZisK 0.14 sends them. It rejects proofs in other layouts. The errors are those of
// Proof.
func Wire(data []byte, e Expect) (*Result, error) {
	p, err := proof.Decode(data, "")
	if err != nil {
		return nil, &Rejection{StepForm, err.Error()}
	}
	switch {
	case p.Layout != proof.Words && p.Layout != proof.Flat && p.Layout != proof.Tagged:
		return nil, reject(StepForm, "a proof in the layout %s is not in the form that verifiers take", p.Layout)
	case p.Seeded:
		return nil, reject(StepForm, "the file goes on with the seed of the execution, which verifiers do not take")
	}
	return Proof(p, e)
}

// Proof verifies a decoded proof. The error is a *Rejection if the proof is not valid or
// is not the expected one. It is another error, such as one that wraps ErrNoTable, if the
// proof could not be verified.
func Proof(p *proof.Proof, e Expect) (*Result, error) {
	start := time.Now()
	if e.Setup == (proof.Key{}) {
		return nil, errors.New("the key of the proving setup is not known")
	}
	if err := statement(p, &e); err != nil {
		return nil, err
	}
	tables, err := candidates(p, &e)
	if err != nil {
		return nil, err
	}
	var furthest error // the error of the table by which the proof has passed most steps
	for _, t := range tables {
		v, err := t.accept(p, &e)
		if err == nil {
			r := &Result{Proof: p, Table: t, Setup: e.Setup, Known: proof.FindSetup(e.Setup), Hashes: map[string]int{}}
			for function, n := range v.calls() {
				r.Hashes[function.String()] = n
			}
			r.Hollow, err = t.hollow(e.Setup)
			r.Time = time.Since(start)
			return r, err
		}
		if furthest == nil || passedMore(err, furthest) {
			furthest = err
		}
	}
	return nil, furthest
}

// accept verifies the proof by one table.
func (t *Table) accept(p *proof.Proof, e *Expect) (*verification, error) {
	if t.publics > 0 && len(p.Publics) != t.publics {
		return nil, reject(StepForm, "%d public words; a proof of %v has %d", len(p.Publics), t, t.publics)
	}
	return t.stark(e.Setup, p.Publics, p.Body, !e.Lenient)
}

// statement rejects a proof whose keys or public values are not the expected ones.
func statement(p *proof.Proof, e *Expect) error {
	if p.Setup != nil && *p.Setup != e.Setup {
		return reject(StepSetup, "the proof was made with the proving setup %s, not with %s", describe(*p.Setup), describe(e.Setup))
	}
	if p.Aggregate() {
		return reject(StepPublics, "the proof is an aggregate of others and not the proof of one run")
	}
	if e.Program != nil && p.Program() != *e.Program {
		return reject(StepProgram, "the proof is of the program %v, not of %v", p.Program(), e.Program)
	}
	if e.Outputs != nil {
		if err := e.Outputs(p.Outputs()); err != nil {
			return &Rejection{StepPublics, err.Error()}
		}
	}
	return nil
}

func describe(key proof.Key) string {
	if s := proof.FindSetup(key); s != nil {
		return fmt.Sprintf("%v (ZisK %s, %s, %s)", key, s.Version, s.Family, kindOf(s.Minimal))
	}
	return key.String()
}

// steps lists the steps in their order.
var steps = []Step{StepForm, StepSetup, StepProgram, StepPublics, StepWork, StepConstraint, StepDegree, StepTree, StepFold}

// passedMore reports whether a is the rejection of a later step than b, so that the proof
// has passed more steps before it.
func passedMore(a, b error) bool {
	rank := func(err error) int {
		var r *Rejection
		if errors.As(err, &r) {
			for i, s := range steps {
				if s == r.Step {
					return i
				}
			}
		}
		return -1
	}
	return rank(a) > rank(b)
}

// candidates returns the tables by which a proof may be verified.
func candidates(p *proof.Proof, e *Expect) ([]*Table, error) {
	fits := func(family proof.Family, minimal bool) bool {
		return minimal == p.Minimal && (p.Family == "" || p.Family == family)
	}
	var out []*Table
	for _, t := range e.Tables {
		if fits(t.Family, t.Minimal) {
			out = append(out, t)
		}
	}
	if len(e.Tables) > 0 {
		if len(out) == 0 {
			return nil, reject(StepSetup, "the setup key is not one for %s proofs%s", kindOf(p.Minimal), ofFamily(p.Family))
		}
		return out, nil
	}
	r := e.Release
	family := p.Family
	if known := proof.FindSetup(e.Setup); known != nil {
		if known.Minimal != p.Minimal || family != "" && family != known.Family {
			return nil, reject(StepSetup, "the proof is a %s one, but the setup key %s is of another kind or family", kindOf(p.Minimal), describe(e.Setup))
		}
		family = known.Family
		if r == (proof.Release{}) {
			r = known.Release()
		}
	}
	for entry, err := range matching(func(x *entry) bool {
		if x.minimal() != p.Minimal || family != "" && family != x.Family {
			return false
		}
		return r != (proof.Release{}) && x.isFor(r) || r == (proof.Release{}) && x.mayFit(p)
	}) {
		if err != nil {
			return nil, err
		}
		t, err := entry.load()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w for %s proofs of ZisK %v%s", ErrNoTable, kindOf(p.Minimal), r, ofFamily(family))
	}
	return out, nil
}

func ofFamily(f proof.Family) string {
	if f == "" {
		return ""
	}
	return " with " + string(f)
}

// mayFit reports whether a proof of an unknown release may be one of the entry's releases.
func (e *entry) mayFit(p *proof.Proof) bool {
	r, err := proof.ParseRelease(e.Releases[0])
	if err != nil {
		return false
	}
	layout, err := r.Wire()
	if err != nil {
		return false
	}
	switch p.Layout {
	case proof.Words, proof.Flat, proof.Tagged:
		return layout == p.Layout
	}
	return layout != proof.Words
}

// hollow reports whether the key is the root of a tree of constant columns that are all
// zero.
func (t *Table) hollow(key proof.Key) (bool, error) {
	leaf, err := newHash(t.hashes.leaf)
	if err != nil {
		return false, err
	}
	parent, err := newHash(t.hashes.node)
	if err != nil {
		return false, err
	}
	d := leaf.leaf(make([]uint64, t.columns[0]))
	children := make([]uint64, 4*t.shape.arity)
	for n := 1 << t.extended; n > 1; n = (n + t.shape.arity - 1) / t.shape.arity {
		clear(children)
		for i := range min(n, t.shape.arity) {
			copy(children[4*i:], d[:])
		}
		d = parent.node(children)
	}
	return proof.Key(d) == key, nil
}

func (s hashSpec) String() string { return fmt.Sprintf("%s/%d", s.family, s.width) }
