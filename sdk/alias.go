package sdk

import (
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// The values that pass between host and plugin. Package contract has their fields.
type (
	Kind     = contract.Kind     // of a stage
	Manifest = contract.Manifest // what a plugin says of itself
	Hash     = contract.Hash     // 32 bytes; prints as "0x…"
	Block    = contract.Block    // chain id, number and hash: after a reorg the same number is another block
	Artifact = contract.Artifact // an immutable file, by name, path, size in bytes and SHA-256
	Result   = contract.Result   // what an attempt has come to
	Progress = contract.Progress // a sign of life; Fraction is 0 to 1, or -1 where it is not known

	WorkEvent    = contract.WorkEvent // one message of a work call, for tests and tools
	Selection    = contract.Selection // which blocks are targets
	PollRequest  = contract.PollRequest
	PollResponse = contract.PollResponse
	Resolution   = contract.Resolution // the answer to one number
	EventKind    = contract.EventKind
	Finding      = contract.Finding // what is to be said of a configuration, with a remedy
	Severity     = contract.Severity
	Health       = contract.Health
	HealthState  = contract.HealthState
	Endpoint     = contract.Endpoint // a service that the plugin depends on, with the calls to it
	Error        = contract.Error    // an error with its class and, for people, its remedy
	Class        = contract.Class    // what the host does about an error
)

// Names of artifacts, by which a stage finds what earlier ones have made, the role of
// the proof among them, and the phase with which a prover takes a block.
const (
	ArtifactBlock     = contract.ArtifactBlock     // "block.json": the result of eth_getBlockByNumber(n, true)
	ArtifactWitness   = contract.ArtifactWitness   // "witness.json": the result of debug_executionWitness
	ArtifactChain     = contract.ArtifactChain     // "chain.json": the chain's configuration, as a genesis file's "config"
	ArtifactInput     = contract.ArtifactInput     // "input.bin": the guest input
	ArtifactExecution = contract.ArtifactExecution // "execution.json": what a gate has found
	ArtifactResult    = contract.ArtifactResult    // "result.json": the prover's own summary
	RoleProof         = contract.RoleProof         // marks the one output whose bytes are reported
	PhaseAccepted     = contract.PhaseAccepted     // of the progress with which the block counts as queued; any later phase makes it proving
	PhaseCollecting   = contract.PhaseCollecting   // of the progress with which the next block may begin, although this call goes on
)

// Kinds of event. The first five are phases of a block, in their order; the next is what
// has come of one; the others are alerts, which expire after an hour.
const (
	EventQueued   = contract.EventQueued   // a prover has taken the block
	EventProving  = contract.EventProving  // a prover shows its first progress
	EventProved   = contract.EventProved   // the proof is durable
	EventChecked  = contract.EventChecked  // the last stage of a pipeline without proofs is done
	EventFailed   = contract.EventFailed   // the block is given up
	EventAccepted = contract.EventAccepted // a reporter's other side has taken the proof

	EventNodeDown         = contract.EventNodeDown
	EventNodeRecovered    = contract.EventNodeRecovered
	EventProverStuck      = contract.EventProverStuck
	EventReporterRejected = contract.EventReporterRejected
	EventStageDown        = contract.EventStageDown
	EventStageRecovered   = contract.EventStageRecovered
)

// Names of facts that a plugin provides or requires. Values are compared as texts, as
// they are: they hold no secrets.
const (
	TraitChainID      = contract.TraitChainID      // decimal: "1"
	TraitNetwork      = contract.TraitNetwork      // the chain's name: "mainnet"
	TraitInputFormat  = contract.TraitInputFormat  // the layout of input.bin: "g4"
	TraitInputFraming = contract.TraitInputFraming // what surrounds the layout: "zisk-0.16"
	TraitGuest        = contract.TraitGuest        // the program that the input is for: "ethrex"
	TraitZiskVersion  = contract.TraitZiskVersion  // the release, without "v": "0.16.1"
)

// Names of facts in Result.Facts, Task.Facts and Event.Facts.
const (
	FactCycles     = contract.FactCycles     // executed steps, decimal
	FactGPUs       = contract.FactGPUs       // the cards that proved, in words
	FactVerifierID = contract.FactVerifierID // the prover's own name of the proof or program
	FactOutcome    = contract.FactOutcome    // what a report has come to: one of the Outcome constants
	FactStale      = contract.FactStale      // in a task: why a later stage had this one's output made anew

	FactGasUsed       = contract.FactGasUsed       // decimal
	FactTxCount       = contract.FactTxCount       // decimal
	FactProvingTimeMS = contract.FactProvingTimeMS // milliseconds, decimal; set by the host
	FactReason        = contract.FactReason        // why a block failed, or what an alert is about
	FactError         = contract.FactError         // the whole text of the error
	FactClass         = contract.FactClass         // the error's class
	FactAttempts      = contract.FactAttempts      // decimal
	FactAgain         = contract.FactAgain         // "true" where an operator has asked for the report once more
	FactReporter      = contract.FactReporter      // of EventAccepted: the stage whose other side has the proof
)

// Optional features, for Capabilities. That a prover verifies is seen by its method.
const (
	CapabilityResumeToken = contract.CapabilityResumeToken // the prover saves resume tokens and goes on by them
	CapabilitySandbox     = contract.CapabilitySandbox     // no network, no devices, no files but its own and those that its config names
	CapabilityReplay      = contract.CapabilityReplay      // the source hands out blocks of the past, which age does not make useless
	CapabilityArtifacts   = contract.CapabilityArtifacts   // the reporter's events carry all that was made for the block
)

// Outcomes of a report, as FactOutcome of its result. A reporter settles a report by one of
// them, or by a permanent error where the other side refuses it for good.
const (
	OutcomeAccepted        = contract.OutcomeAccepted        // the other side took it now
	OutcomeAcceptedBefore  = contract.OutcomeAcceptedBefore  // it had it from an earlier try
	OutcomeDryRun          = contract.OutcomeDryRun          // nothing was sent, as the configuration says
	OutcomeSkipped         = contract.OutcomeSkipped         // the other side knows as much or more, or has no use for it
	OutcomeProvedElsewhere = contract.OutcomeProvedElsewhere // it has a proof that did not come from here, and takes no other
)

// States of health, severities of findings, and classes of errors.
const (
	HealthReady       = contract.HealthReady
	HealthDegraded    = contract.HealthDegraded    // it works, and something is wrong
	HealthUnavailable = contract.HealthUnavailable // it is given no work, and no attempt is spent

	SeverityError   = contract.SeverityError // nothing starts
	SeverityWarning = contract.SeverityWarning
	SeverityInfo    = contract.SeverityInfo

	ClassPermanent   = contract.ClassPermanent   // the block is given up
	ClassRetryable   = contract.ClassRetryable   // tried again, a limited number of times
	ClassEnvironment = contract.ClassEnvironment // the stage pauses, and no attempt is spent
	ClassInterrupted = contract.ClassInterrupted // queued again
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

// RetryAfter is Retryable with the earliest time of the next attempt, counted from now.
func RetryAfter(err error, after time.Duration) error { return contract.RetryAfter(err, after) }

// ErrRequeued is in the chain of context.Cause of a cancelled call when the same
// work will be given out again. What goes on elsewhere under a resume token is
// left alone then; without it the work is given up.
var ErrRequeued = contract.ErrRequeued

// Stale is Retryable for an error that lies in an input: the stage that made the
// named artifact runs again first.
func Stale(err error, artifact string) error { return contract.Stale(err, artifact) }

// ClassOf returns the class of an error: retryable for one without a class.
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
