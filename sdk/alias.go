package sdk

import (
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// The values that pass between host and plugin, as package contract defines
// them.
type (
	Kind         = contract.Kind
	Manifest     = contract.Manifest
	Hash         = contract.Hash
	Block        = contract.Block
	Artifact     = contract.Artifact
	Result       = contract.Result
	Progress     = contract.Progress
	WorkEvent    = contract.WorkEvent
	Selection    = contract.Selection
	PollRequest  = contract.PollRequest
	PollResponse = contract.PollResponse
	Resolution   = contract.Resolution
	EventKind    = contract.EventKind
	Finding      = contract.Finding
	Severity     = contract.Severity
	Health       = contract.Health
	HealthState  = contract.HealthState
	Endpoint     = contract.Endpoint
	Error        = contract.Error
	Class        = contract.Class
)

// Names of artifacts, roles and phases, see package contract.
const (
	ArtifactBlock     = contract.ArtifactBlock
	ArtifactWitness   = contract.ArtifactWitness
	ArtifactChain     = contract.ArtifactChain
	ArtifactInput     = contract.ArtifactInput
	ArtifactExecution = contract.ArtifactExecution
	ArtifactResult    = contract.ArtifactResult
	RoleProof         = contract.RoleProof
	PhaseAccepted     = contract.PhaseAccepted
)

// Kinds of event, see package contract.
const (
	EventQueued           = contract.EventQueued
	EventProving          = contract.EventProving
	EventProved           = contract.EventProved
	EventChecked          = contract.EventChecked
	EventFailed           = contract.EventFailed
	EventAccepted         = contract.EventAccepted
	EventNodeDown         = contract.EventNodeDown
	EventNodeRecovered    = contract.EventNodeRecovered
	EventProverStuck      = contract.EventProverStuck
	EventReporterRejected = contract.EventReporterRejected
	EventStageDown        = contract.EventStageDown
	EventStageRecovered   = contract.EventStageRecovered
)

// Names of facts that a plugin provides or requires, see contract.Traits.
const (
	TraitChainID      = contract.TraitChainID
	TraitNetwork      = contract.TraitNetwork
	TraitInputFormat  = contract.TraitInputFormat
	TraitInputFraming = contract.TraitInputFraming
	TraitGuest        = contract.TraitGuest
	TraitZiskVersion  = contract.TraitZiskVersion
)

// Names of facts about a result, see package contract.
const (
	FactCycles     = contract.FactCycles
	FactGPUs       = contract.FactGPUs
	FactVerifierID = contract.FactVerifierID
	FactOutcome    = contract.FactOutcome
	FactStale      = contract.FactStale
	FactReason     = contract.FactReason
)

// Optional features for Capabilities, see package contract.
const (
	CapabilityVerify      = contract.CapabilityVerify
	CapabilityResumeToken = contract.CapabilityResumeToken
	CapabilitySandbox     = contract.CapabilitySandbox
	CapabilityArtifacts   = contract.CapabilityArtifacts
)

// Outcomes of a report, as FactOutcome, see package contract.
const (
	OutcomeAccepted       = contract.OutcomeAccepted
	OutcomeAcceptedBefore = contract.OutcomeAcceptedBefore
)

// States of health, severities and classes of error, see package contract.
const (
	HealthReady       = contract.HealthReady
	HealthDegraded    = contract.HealthDegraded
	HealthUnavailable = contract.HealthUnavailable

	SeverityError   = contract.SeverityError
	SeverityWarning = contract.SeverityWarning
	SeverityInfo    = contract.SeverityInfo

	ClassPermanent   = contract.ClassPermanent
	ClassRetryable   = contract.ClassRetryable
	ClassEnvironment = contract.ClassEnvironment
	ClassInterrupted = contract.ClassInterrupted
)

// Permanent marks an error that another attempt cannot mend.
func Permanent(err error) error { return contract.Permanent(err) }

// Retryable marks an error that another attempt may mend, as unmarked ones are.
func Retryable(err error) error { return contract.Retryable(err) }

// Environment marks a fault of the machine or of a service rather than of the
// block; the remedy says in words what to do.
func Environment(err error, remedy string) error { return contract.Environment(err, remedy) }

// Interrupted marks work that was cut off from outside.
func Interrupted(err error) error { return contract.Interrupted(err) }

// RetryAfter is Retryable with the earliest time of the next attempt.
var RetryAfter = contract.RetryAfter

// ErrRequeued is in the chain of context.Cause of a cancelled call when the same
// work will be given out again. What goes on elsewhere under a resume token is
// left alone then; without it the work is given up.
var ErrRequeued = contract.ErrRequeued

// Stale is Retryable for an error that lies in an input: the stage that made the
// named artifact runs again first.
var Stale = contract.Stale

// ClassOf returns the class of an error.
func ClassOf(err error) Class { return contract.ClassOf(err) }

// Types of config fields, see package schema.
type (
	// Secret is a text that never prints; Reveal reads it.
	Secret = schema.Secret
	// Duration is written "5s"; Std converts it.
	Duration = schema.Duration
)

// NewSecret makes a secret, for tests.
func NewSecret(text string) Secret { return schema.NewSecret(text) }
