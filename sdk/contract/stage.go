package contract

import (
	"encoding/json"
	"fmt"
)

// Kind is the kind of a stage and of the plugin that serves it.
type Kind string

// The four kinds, in the order in which a pipeline names them.
const (
	KindSource   Kind = "source"
	KindBuilder  Kind = "builder"
	KindProver   Kind = "prover"
	KindReporter Kind = "reporter"
)

// Kinds lists the kinds in pipeline order.
func Kinds() []Kind { return []Kind{KindSource, KindBuilder, KindProver, KindReporter} }

// Manifest is a plugin's description of itself. It is static: it needs no configuration
// and no network, and is the same at every call.
type Manifest struct {
	Name    string `json:"name"`    // as in the YAML, for example "prover-zisk"
	Version string `json:"version"` // semantic version without "v"
	Kind    Kind   `json:"kind"`
	// Protocol is the version of the plugin protocol that the plugin speaks, the
	// newest if it speaks several. Describe does not send it, because the handshake has
	// negotiated it; a manifest that came over gRPC has 0 here.
	Protocol int    `json:"protocol"`
	Summary  string `json:"summary"` // one sentence
	// Schema is the JSON Schema (2020-12) of the stage's config block.
	Schema json.RawMessage `json:"config_schema"`
	// Capabilities are optional features within the protocol version, for
	// example CapabilityVerify.
	Capabilities []string `json:"capabilities,omitempty"`
	// Events lists the kinds of event that a reporter wants. It is handed no other
	// kind, and no event at all where the list is empty. Package sdk fills in EventKinds
	// for a reporter that names none. For other plugins the list is empty.
	Events []EventKind `json:"events,omitempty"`
}

// Optional features of a plugin, as named in Manifest.Capabilities.
const (
	CapabilityVerify      = "prover.verify"       // answers Verify
	CapabilityResumeToken = "prover.resume_token" // sends resume tokens and accepts them
	// CapabilitySandbox says that the plugin needs no network and no device. Of the file
	// system it needs only its attempts, its state directory and what its config names in
	// fields of format file, dir or program. The host confines it to these.
	CapabilitySandbox = "sandbox"
	CapabilityReplay  = "source.replay" // hands out blocks of the past, which stay useful whatever their age
	// CapabilityArtifacts asks for more artifacts in a reporter's events. Proved, checked
	// and failed carry what the stages before, the gates included, have made for the
	// block, as far as it still exists, the newest of each name. Accepted carries what
	// the delivering reporter has published in the try that was accepted.
	CapabilityArtifacts = "reporter.artifacts"
)

// Has reports whether the manifest names the capability.
func (m Manifest) Has(capability string) bool {
	for _, c := range m.Capabilities {
		if c == capability {
			return true
		}
	}
	return false
}

// Setup is what the host sends a plugin once per process, before any work.
type Setup struct {
	Pipeline string // the pipeline's name
	Stage    string // the stage's name in the YAML
	// Config is the stage's config block as canonical JSON: variables replaced,
	// defaults not yet filled, secrets included. It must never be logged.
	Config   json.RawMessage
	StateDir string // absolute, 0700, private to the stage, kept across restarts
	LogLevel string // debug, info, warn or error
}

// Severity grades a finding.
type Severity string

// The severities; only SeverityError stops a pipeline.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Finding is one problem or remark that validation or a preflight check reports.
type Finding struct {
	Severity Severity `json:"severity"`
	// Pointer is an RFC 6901 pointer into the stage's config ("/endpoints/0"),
	// or empty where the finding is about no field.
	Pointer string `json:"pointer,omitempty"`
	Summary string `json:"summary"`          // what is wrong, lower case, no full stop
	Remedy  string `json:"remedy,omitempty"` // what to do about it
}

// String returns severity, pointer, summary and remedy in one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%s: %s", f.Severity, f.Summary)
	if f.Pointer != "" {
		text = fmt.Sprintf("%s: config%s: %s", f.Severity, f.Pointer, f.Summary)
	}
	if f.Remedy != "" {
		text += " (" + f.Remedy + ")"
	}
	return text
}

// HealthState is a plugin's own judgement of its health.
type HealthState string

// The health states. While a plugin is unavailable the host hands it no work
// and spends no attempts.
const (
	HealthReady       HealthState = "ready"
	HealthDegraded    HealthState = "degraded"
	HealthUnavailable HealthState = "unavailable"
)

// Health is the answer to a health call. Detail says why the state is not ready; the
// detail of a ready plugin is a remark, which "proofline status" shows. The detail of a
// source that is ready or degraded becomes the alert node_down after a minute.
type Health struct {
	State  HealthState `json:"state"`
	Detail string      `json:"detail,omitempty"`
	// Endpoints are the services that the plugin depends on, in the order of its
	// configuration; nil for a plugin that reports none.
	Endpoints []Endpoint `json:"endpoints,omitempty"`
}
