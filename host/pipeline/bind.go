package pipeline

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/sdk/contract"
)

// Find returns the manifest of a plugin by name. Its error goes into a finding
// as it is; it should say what was searched and what to do.
type Find func(plugin string) (contract.Manifest, error)

// Bind checks the stages against their plugins: fills each stage's kind and the
// defaults that depend on it, checks that the kinds stand in order, and
// validates each config block against the plugin's JSON Schema. It returns its
// own findings, sorted by place; Load's are not among them.
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
		findings = append(findings, s.checkConfig(m)...)
	}
	findings = append(findings, checkOrder(p)...)
	findings.Sort()
	return findings
}

func (s *Stage) errorAt(pointer, summary, remedy string) Finding {
	return Finding{
		Severity: contract.SeverityError, File: s.file, Position: s.places.near(pointer).value,
		Path: s.path + dotted(pointer), Summary: summary, Remedy: remedy,
	}
}

func (s *Stage) fillDefaults() {
	concurrency := 1
	switch s.Kind {
	case contract.KindSource:
		s.Timeout, concurrency = cmp.Or(s.Timeout, fetchTimeout), fetchConcurrency
	case contract.KindBuilder:
		s.Timeout = cmp.Or(s.Timeout, buildTimeout)
	case contract.KindProver:
		s.Timeout = cmp.Or(s.Timeout, 2*s.StuckAfter)
	case contract.KindReporter:
		s.Timeout, concurrency = cmp.Or(s.Timeout, reportTimeout), reportConcurrency
	}
	s.Concurrency = cmp.Or(s.Concurrency, concurrency)
}

const noSource = "begin with a stage that delivers blocks, for example plugin: source-rpc"

// checkOrder demands one source, then builders, then provers, then reporters.
// Stages whose plugin is not known are passed over.
func checkOrder(p *Pipeline) (findings Findings) {
	order := contract.Kinds()
	var source, last *Stage
	allKnown := true
	for i := range p.Stages {
		s := &p.Stages[i]
		if s.Kind == "" {
			allKnown = false
			continue
		}
		if s.Kind == contract.KindSource {
			if source != nil {
				findings = append(findings, s.errorAt("/plugin",
					fmt.Sprintf("%q is a second source beside %q", s.Path(), source.Path()),
					"a pipeline has exactly one source; run a second pipeline, or give one source several endpoints"))
				continue
			}
			source = s
		}
		if last != nil && slices.Index(order, s.Kind) < slices.Index(order, last.Kind) {
			findings = append(findings, s.errorAt("/plugin",
				fmt.Sprintf("the %s %q stands behind the %s %q", s.Kind, s.Path(), last.Kind, last.Path()),
				"the order is: one source, builders, provers, reporters"))
			continue
		}
		last = s
	}
	if source == nil && allKnown && len(p.Stages) > 0 {
		findings = append(findings, p.Stages[0].errorAt("", "the pipeline has no source", noSource))
	}
	return findings
}
