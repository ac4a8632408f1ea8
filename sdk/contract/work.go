package contract

import "time"

// Names of the artifacts that stages hand to each other. A stage that produces
// one of these must use the name; other names are the stage's own.
const (
	ArtifactBlock     = "block.json"     // eth_getBlockByNumber(n, true) result
	ArtifactWitness   = "witness.json"   // debug_executionWitness result
	ArtifactChain     = "chain.json"     // chain configuration in the shape of a genesis file's "config"
	ArtifactInput     = "input.bin"      // the guest input
	ArtifactExecution = "execution.json" // a gate's findings
	ArtifactResult    = "result.json"    // the prover's own summary
)

// Roles mark what an artifact is for, whatever its name.
const (
	// RoleProof marks the one artifact of a proof stage whose bytes are reported.
	RoleProof = "proof"
)

// Artifact is an immutable file that an attempt made.
type Artifact struct {
	Name   string `json:"name"` // logical and file name, one path element
	Path   string `json:"path"` // slash-separated; relative to the attempt's directory on the wire and in the checkpoint
	Size   int64  `json:"size"` // bytes
	SHA256 Digest `json:"sha256"`
	Role   string `json:"role,omitempty"`
}

// Task is one attempt of one stage for one job.
type Task struct {
	Pipeline string
	Stage    string
	Job      string // Block.JobID
	Attempt  uint32 // from 1; names the directory, counts interruptions too
	Block    Block
	// Dir is the attempt's private directory, absolute, 0700. Inputs lie in
	// in/, outputs go to out/, scratch files to tmp/.
	Dir    string
	Inputs []Artifact // everything earlier stages made, the newest of each name
	// Deadline is when the host will cancel the attempt; zero for never.
	Deadline time.Time
	// ResumeToken is the last token that an earlier attempt of the same work
	// sent; empty means start anew.
	ResumeToken []byte
	// Facts are the facts that earlier stages reported, by name. When the stage
	// runs again because its output was called stale, they also hold the facts of
	// its own last result, and the complaint as FactStale.
	Facts map[string]string
}

// Result is what a finished attempt hands back. Every output is complete on
// disk (synced and renamed) before the result is sent.
type Result struct {
	Outputs []Artifact
	// WorkTime is the time that counts as proving time: the builder's own work,
	// the proving tool's own figure. Zero for other kinds.
	WorkTime time.Duration
	// Facts describe the result; the names in this file are understood by the
	// host and the reporters, others are shown as they are.
	Facts map[string]string
}

// Names of facts.
const (
	FactGasUsed       = "gas_used"
	FactTxCount       = "tx_count"
	FactCycles        = "proving_cycles"  // executed steps, decimal
	FactGPUs          = "gpus"            // the cards that proved, in words
	FactVerifierID    = "verifier_id"     // the prover's own name of the proof or program
	FactProvingTimeMS = "proving_time_ms" // integer milliseconds, set by the host
	FactReason        = "reason"          // why a job failed, or what an alert is about
	FactError         = "error"           // the full text of the error
	FactClass         = "class"           // the error's class
	FactAttempts      = "attempts"
	FactOutcome       = "outcome"  // what a report has come to: one of the Outcome constants
	FactAgain         = "again"    // "true" in an event that an operator has asked for once more
	FactReporter      = "reporter" // the stage whose other side has taken the proof, set by the host for EventAccepted
	FactStale         = "stale"    // why a later stage called this stage's output stale, set by the host for the attempt that makes it anew
)

// Outcomes of a report, as FactOutcome. A reporter that hands events to another
// side answers each one that it is done with by one of them, and each that the
// other side refuses for good by a permanent error whose text is the reason. A
// report with an outcome or a permanent error is settled; one that ended with an
// error of another class is not, and is delivered again.
//
// A proved event that comes to OutcomeAccepted or OutcomeAcceptedBefore raises
// EventAccepted. No other outcome means that the other side has the proof of this
// pipeline.
const (
	OutcomeAccepted       = "accepted"         // the other side took it now
	OutcomeAcceptedBefore = "already accepted" // it had it from an earlier try
	OutcomeDryRun         = "dry run"          // nothing was sent, as the configuration says
	OutcomeSkipped        = "skipped"          // there is nothing to send: the other side knows as much or more, or has no use for it
	OutcomeSuperseded     = "superseded"       // a later phase of the same number goes in its place; set by the host
	// OutcomeProvedElsewhere: the other side has a proof of the block that this
	// stage did not send, and takes no other. As the answer to EventQueued it means
	// that work on the block is in vain.
	OutcomeProvedElsewhere = "proved elsewhere"
)

// PhaseAccepted is the phase of the progress event by which a prover says that it
// has checked its input and will work on it: the host announces the block as
// queued then, and as proving with the first event of another phase.
const PhaseAccepted = "ACCEPTED"

// PhaseCollecting is the phase of the progress event by which a plugin says that what its
// stage's concurrency bounds is free again, or about to be, although the call goes on: a
// prover's tool has the proof or has ended, and its files are collected. The host may give
// the next block at once, and the plugin has that one wait for what is still in use.
const PhaseCollecting = "COLLECTING"

// HasProof reports whether the outcome of a proved event means that the other side
// has this pipeline's proof.
func HasProof(outcome string) bool {
	return outcome == OutcomeAccepted || outcome == OutcomeAcceptedBefore
}

// Progress is a sign of life with optional detail. One with an empty phase is a
// bare heartbeat.
type Progress struct {
	Phase    string        // "GENERATING_PROOFS"; empty for a heartbeat
	Fraction float64       // 0 to 1; negative when unknown
	Note     string        // one line for the operator
	ETA      time.Duration // remaining; zero when unknown
}

// WorkEvent is one message of a running work call. Exactly one field is set.
// The stream ends with one Result, or with an error.
type WorkEvent struct {
	Progress *Progress
	// Resume replaces the stored resume token; an empty, non-nil token drops it.
	Resume []byte
	// Publish hands out an artifact before the result: a reporter's request
	// body, which the host copies to the output directory at once.
	Publish *Artifact
	Result  *Result
}
