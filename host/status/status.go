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
	Draining bool      `json:"draining"` // no new blocks are taken in, and the host ends by itself
	Head     uint64    `json:"head"`     // the newest block that the source has named; 0 before the first poll
	// HeadTime is the block time of the head when the source has stated it, else the time
	// at which the head was first seen.
	HeadTime time.Time `json:"head_time,omitzero"`
	// Trouble is why the checkpoint cannot be written, so that no work goes on; empty
	// while it can.
	Trouble string `json:"trouble,omitempty"`
	// Unpublished is why finished files cannot be copied to the output directory; empty
	// while they can. The proofs are safe and are reported all the same.
	Unpublished string  `json:"unpublished,omitempty"`
	Counts      Counts  `json:"counts"`
	Stages      []Stage `json:"stages"` // in pipeline order
	Jobs        []Job   `json:"jobs"`   // unfinished, in the order in which they will be worked on, at most 200
	Recent      []Job   `json:"recent"` // finished, the newest first, at most 50
}

// Counts are numbers of jobs. Active is the current number; the others count since the
// start of the host.
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
	StageUnavailable StageState = "unavailable" // the plugin runs but cannot work: node down, GPU missing
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
	Since      time.Time     `json:"since"` // begin of State
	Restarts   int           `json:"restarts"`
	MakesProof bool          `json:"makes_proof"`
	Needs      []string      `json:"needs,omitempty"`   // the stages whose outputs it works on
	Confirm    []string      `json:"confirm,omitempty"` // the gates that must succeed before it announces anything
	Shadow     bool          `json:"shadow,omitempty"`  // recorded and compared, never reported
	Note       string        `json:"note,omitempty"`
	Error      string        `json:"error,omitempty"`  // why it is not ready, or the last crash
	Paused     string        `json:"paused,omitempty"` // why the engine gives it no work at present
	// PausedSince is when Paused began; zero while the stage is not paused.
	PausedSince time.Time `json:"paused_since,omitzero"`
	Running     []Attempt `json:"running"`
	// Queue are the numbers of the blocks that wait for the stage, the next one first, at
	// most 100. For a reporter they are the blocks of unsent events.
	Queue       []uint64 `json:"queue"`
	QueueLength int      `json:"queue_length"` // number of all that wait
	// QueuedSince is when the oldest unsent event of a reporter was written. For another
	// stage it is when the lowest waiting block was taken in.
	QueuedSince time.Time `json:"queued_since,omitzero"`
	// Processed is the number of attempts that succeeded since the start of the host; for
	// a reporter, of events that were accepted.
	Processed uint64 `json:"processed"`
	Failed    uint64 `json:"failed"` // attempts that failed since the start of the host
	// Endpoints are the services that the plugin uses, as it reports them. Their counts
	// begin with the process of the plugin.
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

// JobState is the state of a job.
type JobState string

// The states of a job.
const (
	JobWaiting   JobState = "waiting" // for a slot of its stage, or for NotBefore
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"    // a stage has failed, see Reason
	JobDropped   JobState = "dropped"   // too old by the selection; it was never announced
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
	// Unreported is the UnsettledText of a job that is done; empty for any other job.
	Unreported string `json:"unreported,omitempty"`
}

// JobStage is the work of one stage on a job.
type JobStage struct {
	Stage       string              `json:"stage"`
	Kind        contract.Kind       `json:"kind"`
	State       string              `json:"state"` // waiting, running, done, failed, blocked, skipped, cancelled, removed
	Shadow      bool                `json:"shadow,omitempty"`
	Attempt     uint32              `json:"attempt"`               // attempts begun
	Fingerprint string              `json:"fingerprint,omitempty"` // of the plugin and configuration that made the result
	Started     time.Time           `json:"started,omitzero"`
	Ended       time.Time           `json:"ended,omitzero"`
	WorkTime    time.Duration       `json:"work_time,omitempty"` // nanoseconds
	Outputs     []contract.Artifact `json:"outputs,omitempty"`
	Facts       map[string]string   `json:"facts,omitempty"`
	NotBefore   time.Time           `json:"not_before,omitzero"`       // earliest next attempt
	Error       string              `json:"error,omitempty"`           // of the last attempt that failed, or why it is skipped or blocked
	Class       contract.Class      `json:"class,omitempty"`           // of Error
	Remedy      string              `json:"remedy,omitempty"`          // for Error
	ProvingMS   int64               `json:"proving_time_ms,omitempty"` // of a proof, as reported
	Announced   string              `json:"announced,omitempty"`       // highest phase announced
}

// Duration returns how long the last attempt ran. It is zero while the attempt runs and
// when there was none, as in a blocked stage, which has an end but no start.
func (s JobStage) Duration() time.Duration {
	if s.Ended.IsZero() || s.Started.IsZero() {
		return 0
	}
	return s.Ended.Sub(s.Started)
}

// Report is one event of a job at one reporter.
type Report struct {
	Reporter string             `json:"reporter"`
	Stage    string             `json:"stage,omitempty"` // the stage that the event is about
	Kind     contract.EventKind `json:"kind"`
	State    string             `json:"state"` // waiting, sent, rejected, expired
	Tries    uint32             `json:"tries"`
	At       time.Time          `json:"at,omitzero"`
	Error    string             `json:"error,omitempty"`
	Facts    map[string]string  `json:"facts,omitempty"` // the reporter's answer to a sent event
}

// AddResult is the result of a request to add a block.
type AddResult struct {
	Number uint64 `json:"number"`
	Job    string `json:"job,omitempty"`
	Added  bool   `json:"added"`
	// Outcome is a message for the operator: "queued", "ignored: already queued",
	// "no such block".
	Outcome string `json:"word"`
}
