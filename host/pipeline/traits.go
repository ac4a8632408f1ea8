package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// CheckTraits checks a bound pipeline against the traits of its stages: which provers
// make proofs, and which facts the stages provide and require. The pipeline must have
// no errors. The keys of traits are names of stages. If the traits of a stage are
// absent, checks that need them are skipped. The findings are sorted by place.
func (p *Pipeline) CheckTraits(traits map[string]contract.Traits) []Finding {
	c := traitCheck{Pipeline: p, traits: traits}
	for i := range p.Stages {
		switch s := &p.Stages[i]; s.Kind {
		case contract.KindBuilder, contract.KindProver:
			c.checkWorking(s)
		case contract.KindReporter:
			c.checkReporter(s)
		}
		c.checkFacts(&p.Stages[i])
	}
	c.checkIdleGates()
	c.checkDestinations()
	c.checkAccounts()
	c.findings.Sort()
	return c.findings
}

// traitCheck is one run of CheckTraits.
type traitCheck struct {
	*Pipeline
	traits   map[string]contract.Traits
	findings Findings
}

func (c *traitCheck) add(findings ...Finding) { c.findings = append(c.findings, findings...) }

// makesProof reports whether a stage is a prover that is known to make proofs.
func (c *traitCheck) makesProof(s *Stage) bool {
	t, known := c.traits[s.Name]
	return s.Kind == contract.KindProver && known && t.MakesProof
}

// isGate reports whether a stage is a prover that is known to make no proofs.
func (c *traitCheck) isGate(s *Stage) bool {
	t, known := c.traits[s.Name]
	return s.Kind == contract.KindProver && known && !t.MakesProof
}

// proofStages returns the names of the stages that are known to make proofs and are
// not shadows.
func (c *traitCheck) proofStages() (names []string) {
	for i := range c.Stages {
		if s := &c.Stages[i]; c.makesProof(s) && !s.Shadow {
			names = append(names, s.Name)
		}
	}
	return names
}

// checkWorking checks the needs and the gates of a builder or prover.
func (c *traitCheck) checkWorking(s *Stage) {
	pointer := s.nearestKey("/needs", "/plugin")
	upstream := c.Upstream(s)
	for _, name := range upstream {
		other := c.Stage(name)
		if !c.makesProof(other) {
			continue
		}
		if c.isGate(s) {
			c.add(s.errorAt(pointer, fmt.Sprintf("the gate %q stands behind the proof of %q (line %d): its verdict comes when that is made", s.Path(), name, other.line()),
				fmt.Sprintf("write needs: [%s] here, and confirm: [%s] at %q", strings.Join(other.Needs, ", "), s.Name, name)))
		} else {
			c.add(s.warningAt(pointer, fmt.Sprintf("the %s %q waits for the proof of %q (line %d)", s.Kind, s.Path(), name, other.line()),
				fmt.Sprintf("write needs: [%s] to let it work beside that one", strings.Join(other.Needs, ", "))))
		}
		break
	}
	c.checkInput(s, pointer, upstream)
	for i, name := range s.Confirm {
		if other := c.Stage(name); c.makesProof(other) {
			c.add(s.errorAt("/confirm/"+strconv.Itoa(i), fmt.Sprintf("%q makes a proof and is no gate", name), "name a prover that makes none, such as plugin: prover-stateless"))
		}
	}
}

// checkInput finds provers that get no guest input. It is an error for a prover that
// requires a form of the input, and a warning for another prover that makes proofs.
func (c *traitCheck) checkInput(s *Stage, pointer string, upstream []string) {
	wants := slices.ContainsFunc(slices.Collect(maps.Keys(c.traits[s.Name].Requires)), isAboutInput)
	if s.Kind != contract.KindProver || !wants && !c.makesProof(s) || slices.ContainsFunc(upstream, c.handsOnInput) {
		return
	}
	f := s.errorAt(pointer, fmt.Sprintf("the prover %q gets no guest input: there is no builder among what it needs, %s", s.Path(), quoteAll(upstream)),
		"add a builder before it, such as plugin: builder-ethrex")
	isBuilder := func(b Stage) bool { return b.Kind == contract.KindBuilder && (s.Shadow || !b.Shadow) }
	if i := slices.IndexFunc(c.Stages, isBuilder); i >= 0 {
		f.Remedy = fmt.Sprintf("let it need the builder: needs: [%s]", c.Stages[i].Name)
	}
	if !wants {
		f.Severity = contract.SeverityWarning
	}
	c.add(f)
}

// handsOnInput reports whether the stage of that name makes a guest input, or may make
// one because its kind is not known.
func (c *traitCheck) handsOnInput(name string) bool {
	s := c.Stage(name)
	if s.Kind == contract.KindBuilder || s.Kind == "" {
		return true
	}
	for fact := range c.traits[name].Provides {
		if isAboutInput(fact) {
			return true
		}
	}
	return false
}

func isAboutInput(fact string) bool {
	return fact == contract.TraitInputFormat || fact == contract.TraitInputFraming || fact == contract.TraitGuest
}

// checkReporter checks the provers whose proofs a reporter gets.
func (c *traitCheck) checkReporter(s *Stage) {
	made := c.proofStages()
	_, given := s.places["/proofs"]
	if given {
		for i, name := range s.Proofs {
			if other := c.Stage(name); c.isGate(other) && len(made) > 0 {
				c.add(s.errorAt("/proofs/"+strconv.Itoa(i), fmt.Sprintf("%q makes no proof with its config", name), "name one of "+quoteAll(made)))
			}
		}
	}
	named := slices.DeleteFunc(slices.Clone(s.Proofs), func(name string) bool { return !slices.Contains(made, name) })
	if len(named) > 1 && c.traits[s.Name].Provides[contract.TraitOneProver] == "true" && !c.neverOverlap(named) {
		c.add(s.errorAt(s.nearestKey("/proofs", "/plugin"), fmt.Sprintf("%q reports one prover, and %s make proofs", s.Path(), quoteAll(named)),
			fmt.Sprintf("write proofs: [%s], and a stage of its own for each other one that is to be reported", named[0])))
	}
}

// neverOverlap reports whether no two of the stages take the same block.
func (c *traitCheck) neverOverlap(names []string) bool {
	for i, a := range names {
		for _, b := range names[i+1:] {
			if !c.Stage(a).Blocks.Disjoint(c.Stage(b).Blocks) {
				return false
			}
		}
	}
	return true
}

// checkIdleGates warns of gates for whose verdict no stage waits.
func (c *traitCheck) checkIdleGates() {
	made := c.proofStages()
	if len(made) == 0 {
		return
	}
	waitedFor := map[string]bool{}
	for i := range c.Stages {
		if s := &c.Stages[i]; s.Working() {
			for _, name := range slices.Concat(c.Upstream(s), s.Confirm) {
				waitedFor[name] = true
			}
		}
	}
	for i := range c.Stages {
		s := &c.Stages[i]
		behind := slices.ContainsFunc(c.Upstream(s), func(name string) bool { return c.makesProof(c.Stage(name)) })
		if c.isGate(s) && !s.Shadow && !waitedFor[s.Name] && !behind {
			c.add(s.warningAt("", fmt.Sprintf("no stage waits for the verdict of the gate %q", s.Path()),
				fmt.Sprintf("write confirm: [%s] at %q", s.Name, made[0])))
		}
	}
}

// checkFacts compares the facts that a stage requires with those that the stages
// before it provide. On each path through the graph the nearest provider counts.
func (c *traitCheck) checkFacts(s *Stage) {
	requires := c.traits[s.Name].Requires
	for _, fact := range slices.Sorted(maps.Keys(requires)) {
		wanted := requires[fact]
		for _, name := range c.providers(s, fact) {
			value := c.traits[name].Provides[fact]
			if len(wanted) == 0 || slices.Contains(wanted, value) {
				continue
			}
			last := fact[strings.LastIndexByte(fact, '.')+1:]
			c.add(s.errorAt(s.nearestKey("/config/"+last, "/config"),
				fmt.Sprintf("%s: %q (line %d) hands on %q, and %q works with %s only", factName(fact), name, c.Stage(name).line(), value, s.Path(), quoteAlternatives(wanted)),
				fmt.Sprintf("change the config of one of the two so that they agree, or let %q need another stage", s.Path())))
		}
	}
}

// providers returns the names of the stages that provide a fact to a stage: the
// nearest one on each path through the graph, in the order of the file.
func (c *traitCheck) providers(s *Stage, fact string) (names []string) {
	seen := map[string]bool{}
	var walk func(below []string)
	walk = func(below []string) {
		for _, name := range below {
			if seen[name] {
				continue
			}
			seen[name] = true
			if c.traits[name].Provides[fact] != "" {
				names = append(names, name)
				continue
			}
			walk(c.Stage(name).Needs)
		}
	}
	walk(s.Needs)
	walk(s.Proofs)
	slices.SortFunc(names, func(a, b string) int { return c.Stage(a).line() - c.Stage(b).line() })
	return names
}

// checkDestinations finds reporters that send to the same destination, where each
// block would be reported twice.
func (c *traitCheck) checkDestinations() {
	first := map[string]*Stage{}
	for i := range c.Stages {
		s := &c.Stages[i]
		place := c.traits[s.Name].Provides[contract.TraitDestination]
		if s.Kind != contract.KindReporter || place == "" {
			continue
		}
		other, taken := first[place]
		if !taken {
			first[place] = s
			continue
		}
		c.add(s.errorAt(s.nearestKey("/config"),
			fmt.Sprintf("%q sends to the same place as %q (line %d)", s.Path(), other.Path(), other.line()),
			"give each reporter a place of its own, or remove one of the two"))
	}
}

// checkAccounts warns of reporters of the same account that together may send more
// requests than the account allows. Each of them keeps its own pace only.
func (c *traitCheck) checkAccounts() {
	type accountUse struct {
		stages []*Stage
		pace   int // requests a minute of all stages
		limit  int // requests a minute that the account allows
	}
	accounts := map[string]*accountUse{}
	for i := range c.Stages {
		s := &c.Stages[i]
		provides := c.traits[s.Name].Provides
		account := provides[contract.TraitAccount]
		pace, errPace := strconv.Atoi(provides[contract.TraitPace])
		limit, errLimit := strconv.Atoi(provides[contract.TraitLimit])
		if s.Kind != contract.KindReporter || account == "" || errPace != nil || errLimit != nil {
			continue
		}
		u := accounts[account]
		if u == nil {
			u = &accountUse{limit: limit}
			accounts[account] = u
		}
		u.stages, u.pace, u.limit = append(u.stages, s), u.pace+pace, min(u.limit, limit)
	}
	for _, u := range accounts {
		if len(u.stages) < 2 || u.pace < u.limit {
			continue
		}
		var names []string
		for _, s := range u.stages {
			names = append(names, s.Path())
		}
		last := u.stages[len(u.stages)-1]
		c.add(last.warningAt(last.nearestKey("/config/pace", "/config"),
			fmt.Sprintf("the stages %s send to one account and may together send %d requests a minute; it takes %d", quoteAll(names), u.pace, u.limit),
			fmt.Sprintf("give them paces of less than %d in all, such as pace: %d for each", u.limit, max(1, (u.limit-1)/len(u.stages)))))
	}
}

// nearestKey returns the first of the pointers whose key the stage has, or the last
// one if it has none of them.
func (s *Stage) nearestKey(pointers ...string) string {
	for _, pointer := range pointers {
		if _, given := s.places[pointer]; given {
			return pointer
		}
	}
	return pointers[len(pointers)-1]
}

// factName returns the name of a fact for a message: "input format", "chain id".
func factName(fact string) string { return strings.NewReplacer(".", " ", "_", " ").Replace(fact) }

// quoteAlternatives returns the values for a message: `"a" or "b"`.
func quoteAlternatives(values []string) string {
	return strings.ReplaceAll(quoteAll(values), `", "`, `" or "`)
}
