package sdk

import (
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/schema"
)

// The values that pass between host and plugin. Package contract has their fields.
type (
	Kind     = contract.Kind     // the kind of a stage: source, builder, prover or reporter
	Manifest = contract.Manifest // the plugin's description of itself
	Hash     = contract.Hash     // 32 bytes; prints as "0x…"
	Block    = contract.Block    // chain id, number and hash: after a reorg the same number is another block
	Artifact = contract.Artifact // an immutable file, by name, path, size in bytes and SHA-256
	Result   = contract.Result   // the result of an attempt: outputs, work time and facts
	Progress = contract.Progress // a sign of life; Fraction is 0 to 1, or -1 where it is not known

	WorkEvent    = contract.WorkEvent // one message of a work call, for tests and tools
	Selection    = contract.Selection // which blocks are targets
	PollRequest  = contract.PollRequest
	PollResponse = contract.PollResponse
	Resolution   = contract.Resolution // a source's answer about one block number
	EventKind    = contract.EventKind
	Finding      = contract.Finding // one problem or remark about a configuration, with a remedy
	Severity     = contract.Severity
	Health       = contract.Health
	HealthState  = contract.HealthState
	Endpoint     = contract.Endpoint // a service that the plugin depends on, with the calls to it
	Error        = contract.Error    // an error with its class and, for people, its remedy
	Class        = contract.Class    // what the host does about an error
)

// Names of artifacts, by which a stage finds what earlier stages have made; the role that
// marks the proof among them; and the two phases of progress that the host acts on.
const (
	ArtifactBlock     = contract.ArtifactBlock     // "block.json": the result of eth_getBlockByNumber(n, true)
	ArtifactWitness   = contract.ArtifactWitness   // "witness.json": the result of debug_executionWitness
	ArtifactChain     = contract.ArtifactChain     // "chain.json": the chain's configuration, as a genesis file's "config"
	ArtifactInput     = contract.ArtifactInput     // "input.bin": the guest input
	ArtifactExecution = contract.ArtifactExecution // "execution.json": the findings of a gate
	ArtifactResult    = contract.ArtifactResult    // "result.json": the prover's own summary
	RoleProof         = contract.RoleProof         // marks the one output whose bytes are reported
	PhaseAccepted     = contract.PhaseAccepted     // the prover has accepted the block, which now counts as queued; any later phase makes it proving
	PhaseCollecting   = contract.PhaseCollecting   // the next block may begin, although this call goes on
)

// Kinds of event. The first five are phases of a block, in their order. EventAccepted
// reports that a phase has reached its destination. The others are alerts, which expire
// after an hour.
const (
	EventQueued   = contract.EventQueued   // a prover has accepted the block
	EventProving  = contract.EventProving  // a prover has shown its first progress
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

// Names of facts that a plugin provides or requires. The host compares their values as
// texts and shows them unchanged, so they must hold no secrets.
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
	FactGPUs       = contract.FactGPUs       // the GPUs that made the proof, as text for people
	FactVerifierID = contract.FactVerifierID // the prover's own name of the proof or program
	FactOutcome    = contract.FactOutcome    // the outcome of a report: one of the Outcome constants
	FactStale      = contract.FactStale      // in a task: why a later stage rejected this stage's last output

	FactGasUsed       = contract.FactGasUsed       // decimal
	FactTxCount       = contract.FactTxCount       // decimal
	FactProvingTimeMS = contract.FactProvingTimeMS // milliseconds, decimal; set by the host
	FactReason        = contract.FactReason        // why a block failed, or what an alert is about
	FactError         = contract.FactError         // the whole text of the error
	FactClass         = contract.FactClass         // the error's class
	FactAttempts      = contract.FactAttempts      // the number of attempts, decimal
	FactAgain         = contract.FactAgain         // "true" where an operator has asked for the report once more
	FactReporter      = contract.FactReporter      // in EventAccepted: the reporter stage that delivered the proof
)

// Optional features, for Capabilities. A prover's ability to verify needs no name here:
// the SDK finds the method Verify.
const (
	CapabilityResumeToken = contract.CapabilityResumeToken // the prover saves resume tokens and resumes work by them
	CapabilitySandbox     = contract.CapabilitySandbox     // the plugin needs no network, no devices, and no files but its own and those that its config names
	CapabilityReplay      = contract.CapabilityReplay      // the source hands out blocks of the past, which stay useful whatever their age
	CapabilityArtifacts   = contract.CapabilityArtifacts   // the reporter's events carry every artifact that was made for the block
)

// Outcomes of a report, as FactOutcome of its result. A reporter settles a report by one of
// them, or by a permanent error where the other side, which is the service that it reports
// to, refuses the report for good.
const (
	OutcomeAccepted        = contract.OutcomeAccepted        // the other side took the report in this try
	OutcomeAcceptedBefore  = contract.OutcomeAcceptedBefore  // the other side has the report from an earlier try
	OutcomeDryRun          = contract.OutcomeDryRun          // nothing was sent, because the configuration says so
	OutcomeSkipped         = contract.OutcomeSkipped         // the other side knows as much or more, or has no use for the report
	OutcomeProvedElsewhere = contract.OutcomeProvedElsewhere // the other side has a proof that this stage did not send, and takes no other
)

// States of health, severities of findings, and classes of errors.
const (
	HealthReady       = contract.HealthReady
	HealthDegraded    = contract.HealthDegraded    // the plugin works, but something is wrong
	HealthUnavailable = contract.HealthUnavailable // the plugin is given no work, and no attempt is spent

	SeverityError   = contract.SeverityError // the pipeline does not start
	SeverityWarning = contract.SeverityWarning
	SeverityInfo    = contract.SeverityInfo

	ClassPermanent   = contract.ClassPermanent   // the block is given up
	ClassRetryable   = contract.ClassRetryable   // the work is tried again, a limited number of times
	ClassEnvironment = contract.ClassEnvironment // the stage pauses, and no attempt is spent
	ClassInterrupted = contract.ClassInterrupted // the work is queued again
)

// Permanent marks an error that another attempt cannot mend: the block is given up.
func Permanent(err error) error { return contract.Permanent(err) }

// Retryable marks an error that another attempt may mend. The host treats an error
// without a class in the same way.
func Retryable(err error) error { return contract.Retryable(err) }

// Environment marks a fault of the machine or of a service rather than of the
// block. The remedy tells the operator what to do.
func Environment(err error, remedy string) error { return contract.Environment(err, remedy) }

// Interrupted marks work that was cut off from outside.
func Interrupted(err error) error { return contract.Interrupted(err) }

// RetryAfter is Retryable with a pause: the next attempt begins no earlier than this time
// from now.
func RetryAfter(err error, after time.Duration) error { return contract.RetryAfter(err, after) }

// ErrRequeued is in the error chain of context.Cause of a cancelled call when the host
// will queue the same work again. A plugin then leaves work alone that goes on in another
// service under a resume token. Without ErrRequeued the work is given up, and the plugin
// cancels it there.
var ErrRequeued = contract.ErrRequeued

// Stale is Retryable for an error whose cause is an input: the stage that made the
// named artifact runs again before the next attempt.
func Stale(err error, artifact string) error { return contract.Stale(err, artifact) }

// ClassOf returns the class of an error: retryable for one without a class.
func ClassOf(err error) Class { return contract.ClassOf(err) }

// Types of config fields, see package schema.
type (
	// Secret is a text that never prints. Reveal returns it.
	Secret = schema.Secret
	// Duration is a time.Duration that is written "5s". Std converts it.
	Duration = schema.Duration
)

// NewSecret makes a secret, for tests.
func NewSecret(text string) Secret { return schema.NewSecret(text) }
