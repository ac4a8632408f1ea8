package contract

import "time"

// Names of the artifacts that stages hand to each other. A stage that produces
// one of these must use the name; other names are the stage's own.
const (
	ArtifactBlock     = "block.json"     // eth_getBlockByNumber(n, true) result
	ArtifactWitness   = "witness.json"   // debug_executionWitness result
	ArtifactChain     = "chain.json"     // chain configuration in the form of a genesis file's "config"
	ArtifactInput     = "input.bin"      // the guest input
	ArtifactExecution = "execution.json" // the findings of a gate
	ArtifactResult    = "result.json"    // the prover's own summary
)

// Roles mark what an artifact is for, whatever its name.
const (
	// RoleProof marks the one artifact of a proof stage whose bytes are reported.
	RoleProof = "proof"
)

// Artifact is an immutable file that an attempt made.
type Artifact struct {
	Name string `json:"name"` // the file's name, by which other stages find it; one path element
	Path string `json:"path"` // slash-separated; relative to the attempt's directory on the wire and in the checkpoint
	Size int64  `json:"size"` // bytes
	// SHA256 is the digest of the file. In the result of an attempt it may be zero, which
	// leaves it to the host to compute it; any other value the host compares.
	SHA256 Digest `json:"sha256"`
	Role   string `json:"role,omitempty"`

	// Compared is set for an input of a task whose file the host has compared with SHA256,
	// and to which nobody has written since.
	Compared bool `json:"-"`
}

// Task is one attempt of one stage for one job.
type Task struct {
	Pipeline string
	Stage    string
	Job      string // Block.JobID
	Attempt  uint32 // counts from 1, interrupted attempts included; names the directory
	Block    Block
	// Dir is the absolute path of the attempt's private directory (mode 0700). Inputs lie
	// in in/, outputs go to out/, and scratch files to tmp/.
	Dir    string
	Inputs []Artifact // what earlier stages have made, the newest of each name
	// Deadline is when the host will cancel the attempt; zero for never.
	Deadline time.Time
	// ResumeToken is the last token that an earlier attempt of the same work has sent. An
	// empty token means that the work starts anew.
	ResumeToken []byte
	// Facts are the facts that earlier stages have reported, by name. When the stage runs
	// again because a later stage called its output stale, they also hold the facts of
	// its own last result, and the later stage's reason as FactStale.
	Facts map[string]string
}

// Result is what a finished attempt returns. Every output lies complete under its final
// name before the result is sent; the host syncs the files before it records the result.
type Result struct {
	Outputs []Artifact
	// WorkTime is the part of the attempt that counts as proving time: a builder's own
	// work, or the figure that the proving tool reports. It is zero for other kinds.
	WorkTime time.Duration
	// Facts describe the result. The host and the reporters understand the names in this
	// file; facts with other names are shown unchanged.
	Facts map[string]string
}

// Names of facts.
const (
	FactGasUsed       = "gas_used"
	FactTxCount       = "tx_count"
	FactCycles        = "proving_cycles"  // executed steps, decimal
	FactGPUs          = "gpus"            // the GPUs that made the proof, as text for people
	FactVerifierID    = "verifier_id"     // the prover's own name of the proof or program
	FactProvingTimeMS = "proving_time_ms" // integer milliseconds, set by the host
	FactReason        = "reason"          // why a job failed, or what an alert is about
	FactError         = "error"           // the full text of the error
	FactClass         = "class"           // the error's class
	FactAttempts      = "attempts"
	FactOutcome       = "outcome"  // the outcome of a report: one of the Outcome constants
	FactAgain         = "again"    // "true" in an event that an operator has asked for once more
	FactReporter      = "reporter" // the reporter stage that delivered the proof, set by the host for EventAccepted
	FactStale         = "stale"    // why a later stage called this stage's output stale, set by the host for the attempt that makes it anew
)

// Outcomes of a report, as FactOutcome. A reporter reports to another side, such as a
// site or a chat service. It answers an event that needs no further try with one of
// these outcomes, and an event that the other side refuses for good with a permanent
// error whose text is the reason. Both settle the report. After an error of another
// class the report is not settled, and the event is delivered again.
//
// A proved event with OutcomeAccepted or OutcomeAcceptedBefore raises EventAccepted. No
// other outcome means that the other side has the proof of this pipeline.
const (
	OutcomeAccepted       = "accepted"         // the other side took the report in this try
	OutcomeAcceptedBefore = "already accepted" // the other side has the report from an earlier try
	OutcomeDryRun         = "dry run"          // nothing was sent, because the configuration says so
	OutcomeSkipped        = "skipped"          // nothing was sent: the other side knows as much or more, or has no use for the report
	OutcomeSuperseded     = "superseded"       // a later phase of the same block number is sent instead; set by the host
	// OutcomeProvedElsewhere means that the other side has a proof of the block that this
	// stage did not send, and takes no other. As the answer to EventQueued it means that
	// work on the block would be useless.
	OutcomeProvedElsewhere = "proved elsewhere"
)

// PhaseAccepted is the phase of the progress event by which a prover reports that it
// has checked its input and will work on it. The host then announces the block as
// queued, and as proving with the first event of another phase.
const PhaseAccepted = "ACCEPTED"

// PhaseCollecting is the phase of the progress event by which a plugin frees its place
// under the stage's concurrency, or is about to free it, although the call goes on. A
// prover sends it when its tool has the proof or has ended and only files remain to be
// collected. The host may give the next block at once. The plugin has that block wait for
// whatever is still in use.
const PhaseCollecting = "COLLECTING"

// HasProof reports whether the outcome of a proved event means that the other side
// has this pipeline's proof.
func HasProof(outcome string) bool {
	return outcome == OutcomeAccepted || outcome == OutcomeAcceptedBefore
}

// Progress is a sign of life with optional detail. A progress with an empty phase is
// only a heartbeat.
type Progress struct {
	Phase    string        // such as "GENERATING_PROOFS"; empty for a heartbeat
	Fraction float64       // part of the work that is done, 0 to 1; negative when unknown
	Note     string        // one line for the operator
	ETA      time.Duration // time that the rest of the work takes; zero when unknown
}

// WorkEvent is one message of a running work call. Exactly one field is set.
// The stream ends with one Result, or with an error.
type WorkEvent struct {
	Progress *Progress
	// Resume replaces the stored resume token; an empty token that is not nil deletes it.
	Resume []byte
	// Publish hands over an artifact before the result, such as a reporter's request
	// body, which the host copies to the output directory at once.
	Publish *Artifact
	Result  *Result
}
