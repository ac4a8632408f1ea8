package pipeline

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/sdk/contract"
)

// Find returns the manifest of a plugin by name. The text of its error becomes the
// summary of a finding, so it must say where the plugin was searched and what to do.
type Find func(plugin string) (contract.Manifest, error)

// Bind checks the stages against the manifests of their plugins. It fills each
// stage's kind and the defaults that depend on the kind, and joins the stages to a
// graph. It validates each config block against the plugin's JSON Schema and makes
// the paths in the block absolute. Bind returns its own findings, sorted by place,
// without those of Load. CheckTraits checks what depends on the plugins' traits.
//
// Bind must be called once for each pipeline.
func Bind(p *Pipeline, find Find) Findings {
	var findings Findings
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Plugin == "" {
			continue // Load has recorded it
		}
		m, err := find(s.Plugin)
		if err != nil {
			findings = append(findings, s.errorAt("/plugin", err.Error(), ""))
			continue
		}
		if now, old := catalog.Current(s.Plugin); old && m.Name == now.Name {
			f := s.errorAt("/plugin", fmt.Sprintf("%s is called %s now; the stage goes on working", s.Plugin, now.Name), fmt.Sprintf("write plugin: %s, with to: in its config", now.Name))
			f.Severity = contract.SeverityInfo
			findings = append(findings, f)
			s.Config = now.Apply(s.Config)
		}
		s.Kind = m.Kind
		s.fillDefaults()
		s.Sandbox.Confined = s.Sandbox.Use == "always" || s.Sandbox.Use == "auto" && m.Has(contract.CapabilitySandbox)
		if s.Sandbox.User != "" {
			if s.Sandbox.Account, err = account.Lookup(s.Sandbox.User); err != nil {
				findings = append(findings, s.LocateUser(contract.SeverityError, err.Error(), "name a user of this machine (useradd --system NAME), or UID:GID"))
			}
		}
		findings = append(findings, s.checkConfig(m, p.paths)...)
		if _, given := p.at["select.drop_after"]; !given && m.Has(contract.CapabilityReplay) {
			p.Select.DropAfter = 0
		}
	}
	findings = append(findings, checkOrder(p)...)
	findings = append(findings, p.joinStages()...)
	findings = append(findings, p.checkTimes()...)
	findings = append(findings, p.checkStuck()...)
	findings.Sort()
	return findings
}

// errorAt returns an error about the value at a pointer into the stage's entry, such
// as "/plugin" or "/config/url". Its position is that of the value, or of the nearest
// ancestor that the file has.
func (s *Stage) errorAt(pointer, summary, remedy string) Finding {
	return Finding{
		Severity: contract.SeverityError, File: s.file, Position: s.places.near(pointer).value,
		Path: s.path + dotted(pointer), Summary: summary, Remedy: remedy,
	}
}

func (s *Stage) warningAt(pointer, summary, remedy string) Finding {
	f := s.errorAt(pointer, summary, remedy)
	f.Severity = contract.SeverityWarning
	return f
}

// line returns the line of the stage in the file, for findings about other stages.
func (s *Stage) line() int { return s.places[""].value.Line }

func (s *Stage) fillDefaults() {
	s.Timeout = cmp.Or(s.Timeout, defaultFor("timeout", s.Kind, parseDuration))
	s.Concurrency = cmp.Or(s.Concurrency, int(defaultFor("concurrency", s.Kind, parseNumber)))
}

// noSource is the remedy for a pipeline without a source.
const noSource = "begin with a stage that delivers blocks, for example plugin: source-rpc"

// checkOrder checks that the stages are one source, then builders and provers, then
// reporters. It skips stages whose plugin is not known. A stage in the wrong place
// has one finding, also if it stands before several others.
func checkOrder(p *Pipeline) (findings Findings) {
	var source *Stage
	lastWorking, allKnown := -1, true
	for i := range p.Stages {
		switch s := &p.Stages[i]; s.Kind {
		case "":
			allKnown = false
		case contract.KindSource:
			if source != nil {
				findings = append(findings, s.errorAt("/plugin",
					fmt.Sprintf("%q is a second source beside %q", s.Path(), source.Path()),
					"a pipeline has exactly one source; run a second pipeline, or give one source several endpoints"))
				continue
			}
			source, lastWorking = s, i
			before := func(b Stage) bool { return b.Kind == contract.KindBuilder || b.Kind == contract.KindProver }
			if j := slices.IndexFunc(p.Stages[:i], before); j >= 0 {
				findings = append(findings, s.errorAt("/plugin",
					fmt.Sprintf("the source %q stands behind the %s %q", s.Path(), p.Stages[j].Kind, p.Stages[j].Path()), "make it the first stage"))
			}
		case contract.KindBuilder, contract.KindProver:
			lastWorking = i
		}
	}
	for i := range p.Stages {
		if s := &p.Stages[i]; s.Kind == contract.KindReporter && i < lastWorking {
			next := p.Stages[i+1+slices.IndexFunc(p.Stages[i+1:], func(b Stage) bool { return b.Kind != "" && b.Kind != contract.KindReporter })]
			findings = append(findings, s.errorAt("/plugin",
				fmt.Sprintf("the reporter %q stands before the %s %q", s.Path(), next.Kind, next.Path()),
				"the order is: one source, builders and provers, reporters"))
		}
	}
	if source == nil && allKnown && len(p.Stages) > 0 {
		findings = append(findings, p.Stages[0].errorAt("", "the pipeline has no source", noSource))
	}
	return findings
}
