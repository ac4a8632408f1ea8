// Package status describes the live state of a pipeline and the history of its
// jobs as plain data. The engine fills it; the monitor, the control socket and
// the commands show it. Its JSON form is part of the product: fields are added,
// never renamed.
package status

import (
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Snapshot is the state of a running host at one instant.
type Snapshot struct {
	Time     time.Time `json:"time"`
	Pipeline string    `json:"pipeline"`
	File     string    `json:"file"`
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Stopping bool      `json:"stopping"` // no new work is begun
	Draining bool      `json:"draining"` // no new blocks are taken in, and it ends by itself
	Head     uint64    `json:"head"`     // the newest block that the source has seen; 0 before the first poll
	// HeadTime is the head's block time where the source has told it, else when it
	// was seen first.
	HeadTime time.Time `json:"head_time,omitzero"`
	// Trouble says why nothing can be recorded (checkpoint not writable); empty
	// when all is well.
	Trouble string `json:"trouble,omitempty"`
	// Unpublished says why finished files cannot be copied to the output directory;
	// the proofs are safe and are reported.
	Unpublished string  `json:"unpublished,omitempty"`
	Counts      Counts  `json:"counts"`
	Stages      []Stage `json:"stages"` // in pipeline order
	Jobs        []Job   `json:"jobs"`   // unfinished, in the order in which they will be worked on, at most 200
	Recent      []Job   `json:"recent"` // finished, the newest first, at most 50
}

// Counts are numbers of jobs. Active is now; the others count since the host
// started.
type Counts struct {
	Active    int `json:"active"`
	Done      int `json:"done"`
	Failed    int `json:"failed"`
	Dropped   int `json:"dropped"`
	Cancelled int `json:"cancelled"`
}

// StageState is the condition of a stage's process.
type StageState string

// The states of a stage.
const (
	StageStarting    StageState = "starting"
	StageReady       StageState = "ready"
	StageDegraded    StageState = "degraded"
	StageUnavailable StageState = "unavailable" // the plugin lives but cannot work: node down, GPU gone
	StageBackoff     StageState = "backoff"     // crashed; restarted after a pause
	StageQuarantined StageState = "quarantined" // crashed too often
	StageStopped     StageState = "stopped"
)

// Stage is one stage and its process.
type Stage struct {
	Name       string        `json:"name"`
	Kind       contract.Kind `json:"kind"`
	Plugin     string        `json:"plugin"`
	Version    string        `json:"version"`
	PID        int           `json:"pid"` // of the plugin process; 0 while none runs
	State      StageState    `json:"state"`
	Since      time.Time     `json:"since"` // of State
	Restarts   int           `json:"restarts"`
	MakesProof bool          `json:"makes_proof"`
	Needs      []string      `json:"needs,omitempty"`   // the stages whose outputs it works on
	Confirm    []string      `json:"confirm,omitempty"` // the gates before whose verdict it announces nothing
	Shadow     bool          `json:"shadow,omitempty"`  // recorded and compared, never reported
	Note       string        `json:"note,omitempty"`
	Error      string        `json:"error,omitempty"`  // why it is not ready, or the last crash
	Paused     string        `json:"paused,omitempty"` // why the engine hands it no work for now
	// PausedSince is when Paused began; zero while the stage is not paused.
	PausedSince time.Time `json:"paused_since,omitzero"`
	Running     []Attempt `json:"running"`
	Queue       []uint64  `json:"queue"`        // block numbers that wait for it, next first, at most 100; a reporter's: unsent events' blocks
	QueueLength int       `json:"queue_length"` // all that wait
	// QueuedSince is when a reporter's oldest unsent event was written; of another
	// stage, when the waiting block of the lowest number was taken up.
	QueuedSince time.Time `json:"queued_since,omitzero"`
	Processed   uint64    `json:"processed"` // attempts that succeeded (a reporter: events accepted) since the host started
	Failed      uint64    `json:"failed"`    // attempts that failed since the host started
	// Endpoints are the services that the plugin depends on, as it tells of them; their
	// counts begin with its process.
	Endpoints []contract.Endpoint `json:"endpoints,omitempty"`
}

// Attempt is a running attempt.
type Attempt struct {
	Job      string        `json:"job"`
	Number   uint64        `json:"number"`
	Attempt  uint32        `json:"attempt"`
	Since    time.Time     `json:"since"`
	Phase    string        `json:"phase,omitempty"`
	Fraction float64       `json:"fraction"` // 0 to 1; negative when unknown
	Note     string        `json:"note,omitempty"`
	ETA      time.Duration `json:"eta,omitempty"`
	Stuck    bool          `json:"stuck"` // runs for longer than stuck_after
}

// JobState says where a job stands.
type JobState string

// The states of a job.
const (
	JobWaiting   JobState = "waiting" // ready for its stage, or backing off until NotBefore
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"    // given up, with a reason
	JobDropped   JobState = "dropped"   // left out by policy, never announced
	JobCancelled JobState = "cancelled" // orphaned by a reorg, or skipped by the operator
)

// Finished reports whether the state is final.
func (s JobState) Finished() bool { return s != JobWaiting && s != JobRunning }

// Job is one block on its way through the stages.
type Job struct {
	ID        string         `json:"id"`
	Block     contract.Block `json:"block"`
	Origin    string         `json:"origin"` // "selected", "added" or "given" (its input was handed over)
	State     JobState       `json:"state"`
	Stage     string         `json:"stage,omitempty"`           // where it waits, runs or failed
	NotBefore time.Time      `json:"not_before,omitzero"`       // earliest next attempt
	Announced string         `json:"announced,omitempty"`       // highest phase announced
	Reason    string         `json:"reason,omitempty"`          // why it failed, was dropped or cancelled
	ProvingMS int64          `json:"proving_time_ms,omitempty"` // of a proved block, as reported
	Orphaned  bool           `json:"orphaned,omitempty"`        // the block is not on the chain any more
	Created   time.Time      `json:"created"`
	Finished  time.Time      `json:"finished,omitzero"`
	Stages    []JobStage     `json:"stages"`
	Reports   []Report       `json:"reports,omitempty"`
	// Unreported says which proofs the reporters have not got, and why; empty for a
	// job that is settled or not finished. See Debts.
	Unreported string `json:"unreported,omitempty"`
}

// JobStage is what one stage did for a job.
type JobStage struct {
	Stage       string              `json:"stage"`
	Kind        contract.Kind       `json:"kind"`
	State       string              `json:"state"` // waiting, running, done, failed, blocked, skipped, cancelled, removed
	Shadow      bool                `json:"shadow,omitempty"`
	Attempt     uint32              `json:"attempt"`               // attempts begun
	Fingerprint string              `json:"fingerprint,omitempty"` // of the plugin and configuration that did the work
	Started     time.Time           `json:"started,omitzero"`
	Ended       time.Time           `json:"ended,omitzero"`
	WorkTime    time.Duration       `json:"work_time,omitempty"` // ns
	Outputs     []contract.Artifact `json:"outputs,omitempty"`
	Facts       map[string]string   `json:"facts,omitempty"`
	NotBefore   time.Time           `json:"not_before,omitzero"`       // earliest next attempt
	Error       string              `json:"error,omitempty"`           // of the last attempt that failed, or why it is skipped or blocked
	Class       contract.Class      `json:"class,omitempty"`           // of Error
	Remedy      string              `json:"remedy,omitempty"`          // for Error
	ProvingMS   int64               `json:"proving_time_ms,omitempty"` // of a proof, as reported
	Announced   string              `json:"announced,omitempty"`       // highest phase announced
}

// Duration is how long the last attempt ran; zero while it has not ended, and where
// there was none: a stage that is blocked ends without a beginning.
func (s JobStage) Duration() time.Duration {
	if s.Ended.IsZero() || s.Started.IsZero() {
		return 0
	}
	return s.Ended.Sub(s.Started)
}

// Report is one event of a job at one reporter.
type Report struct {
	Reporter string             `json:"reporter"`
	Stage    string             `json:"stage,omitempty"` // that the event is about
	Kind     contract.EventKind `json:"kind"`
	State    string             `json:"state"` // waiting, sent, rejected, expired
	Tries    uint32             `json:"tries"`
	At       time.Time          `json:"at,omitzero"`
	Error    string             `json:"error,omitempty"`
	Facts    map[string]string  `json:"facts,omitempty"` // what the reporter answered, of one that was sent
}

// AddResult says what became of a request to add a block.
type AddResult struct {
	Number uint64 `json:"number"`
	Job    string `json:"job,omitempty"`
	Added  bool   `json:"added"`
	// Outcome is a message for the operator: "queued", "ignored: already queued",
	// "no such block".
	Outcome string `json:"word"`
}
