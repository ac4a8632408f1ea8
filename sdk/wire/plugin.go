package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/text"
)

// ManifestToProto converts a manifest.
func ManifestToProto(m contract.Manifest) *pluginv1.DescribeResponse {
	out := &pluginv1.DescribeResponse{
		Name: valid(m.Name), Version: valid(m.Version), Summary: valid(m.Summary),
		ConfigSchema: slices.Clone(m.Schema), Capabilities: slices.Clone(m.Capabilities),
	}
	switch m.Kind {
	case contract.KindSource:
		out.Kind = pluginv1.Kind_KIND_SOURCE
	case contract.KindBuilder:
		out.Kind = pluginv1.Kind_KIND_BUILDER
	case contract.KindProver:
		out.Kind = pluginv1.Kind_KIND_PROVER
	case contract.KindReporter:
		out.Kind = pluginv1.Kind_KIND_REPORTER
	}
	for _, e := range m.Events {
		out.Events = append(out.Events, string(e))
	}
	return out
}

// ManifestFromProto converts and checks a manifest.
func ManifestFromProto(m *pluginv1.DescribeResponse) (contract.Manifest, error) {
	out := contract.Manifest{
		Name: m.GetName(), Version: m.GetVersion(), Summary: m.GetSummary(),
		Schema: json.RawMessage(nilIfEmpty(m.GetConfigSchema())), Capabilities: slices.Clone(m.GetCapabilities()),
	}
	switch m.GetKind() {
	case pluginv1.Kind_KIND_SOURCE:
		out.Kind = contract.KindSource
	case pluginv1.Kind_KIND_BUILDER:
		out.Kind = contract.KindBuilder
	case pluginv1.Kind_KIND_PROVER:
		out.Kind = contract.KindProver
	case pluginv1.Kind_KIND_REPORTER:
		out.Kind = contract.KindReporter
	default:
		return contract.Manifest{}, fmt.Errorf("plugin %q: unknown kind %v", m.GetName(), m.GetKind())
	}
	if out.Name == "" || out.Version == "" {
		return contract.Manifest{}, errors.New("plugin without a name or a version")
	}
	if !json.Valid(out.Schema) {
		return contract.Manifest{}, fmt.Errorf("plugin %q: the config schema is not JSON", out.Name)
	}
	for _, e := range m.GetEvents() {
		out.Events = append(out.Events, contract.EventKind(e))
	}
	return out, nil
}

// SetupToProto converts a setup. The message holds secrets.
func SetupToProto(s contract.Setup) *pluginv1.ConfigureRequest {
	return &pluginv1.ConfigureRequest{
		Pipeline: valid(s.Pipeline), Stage: valid(s.Stage), ConfigJson: slices.Clone(s.Config),
		StateDir: valid(s.StateDir), LogLevel: valid(s.LogLevel),
	}
}

// SetupFromProto converts a setup.
func SetupFromProto(s *pluginv1.ConfigureRequest) contract.Setup {
	return contract.Setup{
		Pipeline: s.GetPipeline(), Stage: s.GetStage(), Config: json.RawMessage(nilIfEmpty(s.GetConfigJson())),
		StateDir: s.GetStateDir(), LogLevel: s.GetLogLevel(),
	}
}

// TraitsToProto converts the answer to a setup.
func TraitsToProto(t contract.Traits, findings []contract.Finding) *pluginv1.ConfigureResponse {
	return &pluginv1.ConfigureResponse{
		MakesProof: t.MakesProof, Note: valid(t.Note), Findings: FindingsToProto(findings),
		Provides: textMap(t.Provides), Requires: alternativesToProto(t.Requires)}
}

// TraitsFromProto converts the answer to a setup. With an error among the
// findings the plugin is not configured.
func TraitsFromProto(r *pluginv1.ConfigureResponse) (contract.Traits, []contract.Finding) {
	return contract.Traits{
		MakesProof: r.GetMakesProof(), Note: r.GetNote(),
		Provides: factsFromProto(r.GetProvides()), Requires: alternativesFromProto(r.GetRequires()),
	}, FindingsFromProto(r.GetFindings())
}

// AssessmentToProto converts the answer to a check.
func AssessmentToProto(a contract.Assessment) *pluginv1.CheckResponse {
	out := &pluginv1.CheckResponse{Findings: FindingsToProto(a.Findings)}
	if a.Traits != nil {
		out.MakesProof = &a.Traits.MakesProof
		out.Provides, out.Requires = textMap(a.Traits.Provides), alternativesToProto(a.Traits.Requires)
	}
	return out
}

// AssessmentFromProto converts the answer to a check.
func AssessmentFromProto(r *pluginv1.CheckResponse) contract.Assessment {
	out := contract.Assessment{Findings: FindingsFromProto(r.GetFindings())}
	if r != nil && r.MakesProof != nil {
		out.Traits = &contract.Traits{MakesProof: r.GetMakesProof(),
			Provides: factsFromProto(r.GetProvides()), Requires: alternativesFromProto(r.GetRequires())}
	}
	return out
}

func alternativesToProto(in map[string][]string) map[string]*pluginv1.Alternatives {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]*pluginv1.Alternatives, len(in))
	for name, values := range in {
		clean := make([]string, len(values))
		for i, v := range values {
			clean[i] = valid(v)
		}
		out[valid(name)] = &pluginv1.Alternatives{Values: clean}
	}
	return out
}

func alternativesFromProto(in map[string]*pluginv1.Alternatives) map[string][]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string][]string, len(in))
	for name, a := range in {
		out[name] = slices.Clone(a.GetValues())
	}
	return out
}

// FindingsToProto converts findings.
func FindingsToProto(in []contract.Finding) []*pluginv1.Finding {
	var out []*pluginv1.Finding
	for _, f := range in {
		p := &pluginv1.Finding{Pointer: valid(f.Pointer), Summary: valid(f.Summary), Remedy: valid(f.Remedy)}
		switch f.Severity {
		case contract.SeverityWarning:
			p.Severity = pluginv1.Severity_SEVERITY_WARNING
		case contract.SeverityInfo:
			p.Severity = pluginv1.Severity_SEVERITY_INFO
		default:
			p.Severity = pluginv1.Severity_SEVERITY_ERROR
		}
		out = append(out, p)
	}
	return out
}

// FindingsFromProto converts findings. An unknown severity becomes SeverityError.
func FindingsFromProto(in []*pluginv1.Finding) []contract.Finding {
	var out []contract.Finding
	for _, p := range in {
		f := contract.Finding{Severity: contract.SeverityError,
			Pointer: p.GetPointer(), Summary: p.GetSummary(), Remedy: p.GetRemedy()}
		switch p.GetSeverity() {
		case pluginv1.Severity_SEVERITY_WARNING:
			f.Severity = contract.SeverityWarning
		case pluginv1.Severity_SEVERITY_INFO:
			f.Severity = contract.SeverityInfo
		}
		out = append(out, f)
	}
	return out
}

// HealthToProto converts a health. An empty state becomes ready.
func HealthToProto(h contract.Health) *pluginv1.HealthResponse {
	out := &pluginv1.HealthResponse{State: pluginv1.HealthState_HEALTH_STATE_READY, Detail: valid(h.Detail)}
	switch h.State {
	case contract.HealthDegraded:
		out.State = pluginv1.HealthState_HEALTH_STATE_DEGRADED
	case contract.HealthUnavailable:
		out.State = pluginv1.HealthState_HEALTH_STATE_UNAVAILABLE
	}
	for _, e := range h.Endpoints {
		out.Endpoints = append(out.Endpoints, &pluginv1.Endpoint{
			Name: valid(e.Name), Usable: e.Usable, Detail: valid(e.Detail), Calls: e.Calls, Failed: e.Failed, Time: durationToProto(e.Time)})
	}
	return out
}

// HealthFromProto converts a health. An unknown state becomes degraded. Of several
// endpoints with one name it keeps the first, and it applies the limits of package
// contract.
func HealthFromProto(h *pluginv1.HealthResponse) contract.Health {
	out := contract.Health{State: contract.HealthDegraded, Detail: h.GetDetail(), Endpoints: endpointsFromProto(h.GetEndpoints())}
	switch h.GetState() {
	case pluginv1.HealthState_HEALTH_STATE_READY:
		out.State = contract.HealthReady
	case pluginv1.HealthState_HEALTH_STATE_UNAVAILABLE:
		out.State = contract.HealthUnavailable
	}
	return out
}

func endpointsFromProto(in []*pluginv1.Endpoint) (out []contract.Endpoint) {
	for _, p := range in {
		e := contract.Endpoint{
			Name: text.Cut(p.GetName(), contract.MaxEndpointName), Usable: p.GetUsable(), Detail: text.Cut(p.GetDetail(), contract.MaxEndpointDetail),
			Calls: p.GetCalls(), Failed: min(p.GetFailed(), p.GetCalls()),
		}
		if took, err := durationFromProto(p.GetTime()); err == nil {
			e.Time = max(0, took)
		}
		known := func(other contract.Endpoint) bool { return other.Name == e.Name }
		if e.Name == "" || len(out) == contract.MaxEndpoints || slices.ContainsFunc(out, known) {
			continue
		}
		out = append(out, e)
	}
	return out
}
