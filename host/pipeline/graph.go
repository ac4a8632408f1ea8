package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// joinStages checks the names by which stages refer to each other and fills in the
// defaults. A name that is not possible is recorded as a finding and removed. The
// result is a graph without cycles, because a stage needs only stages before it.
func (p *Pipeline) joinStages() (findings Findings) {
	for i := range p.Stages {
		s := &p.Stages[i]
		findings = append(findings, s.checkKeysOfKind()...)
		switch s.Kind {
		case contract.KindSource:
			continue
		case contract.KindReporter:
			findings = append(findings, p.joinReporter(s)...)
		default:
			findings = append(findings, p.joinWorking(i)...)
		}
	}
	for i := range p.Stages { // gates may stand anywhere, so all needs are joined first
		findings = append(findings, p.joinGates(&p.Stages[i])...)
	}
	findings = append(findings, p.joinBlocks()...)
	return append(findings, p.checkInputs()...)
}

// checkKeysOfKind finds keys that the kind of the stage does not have, and removes
// their values.
func (s *Stage) checkKeysOfKind() (findings Findings) {
	working := []contract.Kind{contract.KindBuilder, contract.KindProver}
	for _, rule := range []struct {
		key, remedy string
		kinds       []contract.Kind
		drop        func()
	}{
		{"needs", "only builders and provers need other stages; a reporter takes proofs: [stage]", working, func() { s.Needs = nil }},
		{"confirm", "only a prover begins beside a gate; this stage waits for all that it needs", []contract.Kind{contract.KindProver}, func() { s.Confirm = nil }},
		{"blocks", "only builders and provers take some of the blocks; select: says which blocks are worked on", working, func() { s.Blocks = selection.Window{} }},
		{"shadow", "only builders and provers can be shadows", working, func() { s.Shadow = false }},
		{"sample", "only builders and provers that are shadows take a sample", working, func() { s.Sample = 0 }},
		{"proofs", "only reporters are handed proofs; a builder or prover takes needs: [stage]", []contract.Kind{contract.KindReporter}, func() { s.Proofs = nil }},
	} {
		at, given := s.places["/"+rule.key]
		if !given || s.Kind == "" || slices.Contains(rule.kinds, s.Kind) {
			continue
		}
		rule.drop()
		f := s.errorAt("/"+rule.key, fmt.Sprintf("a %s has no key %q", s.Kind, rule.key), rule.remedy)
		f.Position = at.key
		findings = append(findings, f)
	}
	if s.Sample > 1 && !s.Shadow {
		findings = append(findings, s.errorAt("/sample", "only a shadow takes a sample", "write shadow: true, or let the stage take every target"))
		s.Sample = 0
	}
	return findings
}

// resolveNames checks a list of stage names under a key of s. It returns the names
// that are possible. candidates selects the stages that a finding suggests. fits
// returns why a stage is not possible, or nil.
func (p *Pipeline) resolveNames(s *Stage, key string, names []string, candidates func(*Stage) bool, fits func(*Stage) *problem) (list []string, findings Findings) {
	var known []string
	for i := range p.Stages {
		if other := &p.Stages[i]; other.Name != "" && other != s && candidates(other) {
			known = append(known, other.Name)
		}
	}
	for i, name := range names {
		pointer := "/" + key + "/" + strconv.Itoa(i)
		other := p.Stage(name)
		var bad *problem
		switch {
		case other == nil:
			remedy := "there is none that could be named here"
			if len(known) > 0 {
				remedy = fmt.Sprintf("name one of: %s", quoteAll(known))
			}
			bad = &problem{fmt.Sprintf("there is no stage %q", name), cmp.Or(didYouMean(name, known), remedy)}
		case other == s:
			bad = &problem{"a stage cannot name itself", ""}
		case slices.Contains(names[:i], name):
			bad = &problem{fmt.Sprintf("%q is named twice", name), "name it once"}
		default:
			bad = fits(other)
		}
		if bad != nil {
			findings = append(findings, s.errorAt(pointer, bad.summary, bad.remedy))
			continue
		}
		list = append(list, name)
	}
	return list, findings
}

// joinWorking joins a builder or prover with what it needs.
func (p *Pipeline) joinWorking(index int) (findings Findings) {
	s := &p.Stages[index]
	before := func(other *Stage) bool {
		return other.Working() && slices.ContainsFunc(p.Stages[:index], func(b Stage) bool { return b.Name == other.Name })
	}
	if _, given := s.places["/needs"]; given && len(s.Needs) == 0 {
		findings = append(findings, s.errorAt("/needs", "names no stage", "leave the key out for the stage before, or name the source"))
	}
	var more Findings
	s.Needs, more = p.resolveNames(s, "needs", s.Needs, before, func(other *Stage) *problem {
		switch {
		case !other.Working():
			return &problem{fmt.Sprintf("%q is a reporter, and no stage waits for one", other.Name), ""}
		case !before(other):
			return &problem{fmt.Sprintf("%q stands behind %q in the file (line %d)", other.Name, s.Path(), other.line()), "move it before this stage; a stage needs what stands before it"}
		case other.Shadow && !s.Shadow:
			return &problem{fmt.Sprintf("%q is a shadow, and this stage is none", other.Name), "write shadow: true here too, or need another stage: nothing that is reported may hang on a shadow"}
		}
		return nil
	})
	if len(s.Needs) == 0 {
		candidates := p.Stages[:index]
		if len(more) > 0 {
			// The stage named others that are not possible. It needs the source then,
			// which has no further findings as its consequence.
			candidates = candidates[:min(1, index)]
		}
		for _, other := range slices.Backward(candidates) {
			if other.Working() && other.Name != "" && (s.Shadow || !other.Shadow) {
				s.Needs = []string{other.Name}
				break
			}
		}
	}
	return slices.Concat(findings, more, p.joinSample(s))
}

// joinSample fills in and checks the sample of a shadow. A shadow takes the targets
// that all shadows that it needs take, or a part of them.
func (p *Pipeline) joinSample(s *Stage) Findings {
	if !s.Shadow {
		return nil
	}
	common := uint64(1)
	for _, name := range s.Needs {
		if n := max(p.Stage(name).Sample, 1); common <= maxSample { // so that the product fits into 64 bits
			common = common / gcd(common, n) * n
		}
	}
	if common > maxSample {
		return Findings{s.errorAt("/needs", fmt.Sprintf("the samples of %s have only one of %d targets in common", quoteAll(s.Needs), common), "give them samples of which one divides the other")}
	}
	if s.Sample == 0 {
		s.Sample = common
	}
	if s.Sample%common != 0 {
		return Findings{s.errorAt("/sample", fmt.Sprintf("1/%d takes targets that %s does not: that takes 1/%d", s.Sample, quoteAll(s.Needs), common),
			fmt.Sprintf("take 1/%d or a multiple of it, or leave the key out", common))}
	}
	return nil
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// joinReporter joins a reporter with the provers whose proofs it reports.
func (p *Pipeline) joinReporter(s *Stage) (findings Findings) {
	prover := func(other *Stage) bool {
		return (other.Kind == contract.KindProver || other.Kind == "") && !other.Shadow
	}
	if _, given := s.places["/proofs"]; given && len(s.Proofs) == 0 {
		findings = append(findings, s.errorAt("/proofs", "names no stage", "leave the key out for all provers, or name one"))
	}
	var more Findings
	s.Proofs, more = p.resolveNames(s, "proofs", s.Proofs, prover, func(other *Stage) *problem {
		switch {
		case other.Shadow:
			return &problem{fmt.Sprintf("%q is a shadow, which is never reported", other.Name), "name another prover, or remove shadow: true there"}
		case !prover(other):
			return &problem{fmt.Sprintf("%q is a %s and makes no proof", other.Name, other.Kind), "name a prover"}
		}
		return nil
	})
	if len(s.Proofs) == 0 {
		for i := range p.Stages {
			if other := &p.Stages[i]; other.Kind == contract.KindProver && !other.Shadow && other.Name != "" {
				s.Proofs = append(s.Proofs, other.Name)
			}
		}
	}
	return append(findings, more...)
}

// joinGates joins a prover with the gates that it begins beside.
func (p *Pipeline) joinGates(s *Stage) (findings Findings) {
	if _, given := s.places["/confirm"]; given && s.Kind == contract.KindProver && len(s.Confirm) == 0 {
		findings = append(findings, s.errorAt("/confirm", "names no stage", "leave the key out, or name a gate"))
	}
	prover := func(other *Stage) bool { return other.Kind == contract.KindProver || other.Kind == "" }
	list, more := p.resolveNames(s, "confirm", s.Confirm, prover, func(other *Stage) *problem {
		switch {
		case !prover(other):
			return &problem{fmt.Sprintf("%q is a %s and no gate", other.Name, other.Kind), "name a prover that makes no proof, such as plugin: prover-stateless"}
		case other.Shadow && !s.Shadow:
			return &problem{fmt.Sprintf("%q is a shadow, and this stage is none", other.Name), "write shadow: true here too, or name another gate"}
		case p.waitsFor(other, s.Name):
			return &problem{fmt.Sprintf("%q (line %d) waits for %q itself, so that neither can come first", other.Name, other.line(), s.Path()),
				fmt.Sprintf("let %q need what %q needs", other.Name, s.Path())}
		case slices.Contains(p.Upstream(s), other.Name):
			return &problem{fmt.Sprintf("%q is needed already: the stage does not begin before it is done", other.Name), "remove it from confirm, or from needs"}
		}
		return nil
	})
	s.Confirm = list
	return append(findings, more...)
}

// waitsFor reports whether a stage needs the named one or is confirmed by it,
// directly or through other stages.
func (p *Pipeline) waitsFor(s *Stage, name string) bool {
	seen := map[string]bool{}
	var walk func(s *Stage) bool
	walk = func(s *Stage) bool {
		for _, below := range slices.Concat(s.Needs, s.Confirm) {
			other := p.Stage(below)
			if below == name {
				return true
			}
			if other == nil || seen[below] {
				continue
			}
			seen[below] = true
			if walk(other) {
				return true
			}
		}
		return false
	}
	return walk(s)
}

// Upstream returns the names of the stages whose artifacts a bound stage gets, in
// the order of the file. These are the stages that it needs, directly or through
// others. For a reporter they are the provers in its proofs and all that these need.
func (p *Pipeline) Upstream(s *Stage) (names []string) {
	reached := map[string]bool{}
	var walk func(names []string)
	walk = func(names []string) {
		for _, name := range names {
			if other := p.Stage(name); other != nil && !reached[name] {
				reached[name] = true
				walk(other.Needs)
			}
		}
	}
	walk(s.Needs)
	walk(s.Proofs)
	for i := range p.Stages {
		if name := p.Stages[i].Name; reached[name] {
			names = append(names, name)
		}
	}
	return names
}

// checkInputs finds stages that get the guest inputs of two builders, which have the
// same file name. Two builders have one finding, at the first stage that gets both.
func (p *Pipeline) checkInputs() (findings Findings) {
	reported := map[[2]string]bool{}
	for i := range p.Stages {
		s := &p.Stages[i]
		if !s.Working() {
			continue
		}
		var builders []*Stage
		for _, name := range p.Upstream(s) {
			if other := p.Stage(name); other.Kind == contract.KindBuilder {
				builders = append(builders, other)
			}
		}
		for j := range builders[min(1, len(builders)):] {
			a, b := builders[j], builders[j+1]
			if reported[[2]string{a.Name, b.Name}] || a.Blocks.Disjoint(b.Blocks) {
				continue
			}
			reported[[2]string{a.Name, b.Name}] = true
			remedy := fmt.Sprintf("let it need one of them, and let %q need what %q needs", b.Name, a.Name)
			if b.Blocks != (selection.Window{}) || a.Blocks != (selection.Window{}) {
				remedy = "give them blocks that do not overlap, as blocks: {until: X} and blocks: {from: X}"
			}
			findings = append(findings, s.errorAt("/needs",
				fmt.Sprintf("%s reaches %q from two builders: %q (line %d) and %q (line %d)", contract.ArtifactInput, s.Path(), a.Name, a.line(), b.Name, b.line()), remedy))
		}
	}
	return findings
}

// quoteAll returns the names for a message: `"a", "b"`.
func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, ", ")
}
