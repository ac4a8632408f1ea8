package record

import (
	"maps"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Origins of a job.
const (
	Selected = "selected" // a target along the chain
	Listed   = "listed"   // by number in the pipeline file
	Added    = "added"    // by the operator, for the whole pipeline
	Given    = "given"    // by the operator, with its guest input
)

// Job is the record of one block on its way through the stages. A stored Job is
// never changed in place: Clone, change, commit.
type Job struct {
	ID       string           `json:"id"`
	Block    contract.Block   `json:"block"`
	Origin   string           `json:"origin"`
	Every    uint64           `json:"every,omitempty"` // the selection's every when the job was taken in
	State    status.JobState  `json:"state"`
	Reason   string           `json:"reason,omitempty"` // why it failed, was dropped or cancelled
	Created  time.Time        `json:"created"`
	Finished time.Time        `json:"finished,omitzero"`
	Stages   map[string]Stage `json:"stages"`
	// Orphaned is true while the block is not on the chain any more.
	Orphaned bool `json:"orphaned,omitempty"`
	// Phase is the highest announced phase of a job whose pipeline makes no proof. In
	// records of earlier versions it is also that of a proof; the engine moves it to the
	// first proof stage.
	Phase contract.EventKind `json:"phase,omitempty"`
	// Aside is true while the published files of an orphan have to be moved aside.
	Aside bool `json:"aside,omitempty"`
}

// New returns the record of a new job, without stages.
func New(block contract.Block, origin string, now time.Time) *Job {
	return &Job{
		ID: block.JobID(), Block: block, Origin: origin,
		State: status.JobWaiting, Created: now, Stages: map[string]Stage{},
	}
}

// Clone returns a copy that may be changed. The copy shares the artifacts and facts of
// the stages; they may be replaced but not changed in place.
func (j *Job) Clone() *Job {
	c := *j
	c.Stages = maps.Clone(j.Stages)
	return &c
}

// Derive sets the job's own state from its stages. A job that was dropped or
// cancelled keeps its state.
func (j *Job) Derive(now time.Time) {
	if j.State == status.JobDropped || j.State == status.JobCancelled {
		return
	}
	before := j.State
	j.State = status.JobDone
	var failed Stage // the stage that failed first
	for _, s := range j.Stages {
		if s.Shadow {
			continue
		}
		switch {
		case s.State == StageRunning:
			j.State = status.JobRunning
		case s.State == StageWaiting && j.State != status.JobRunning:
			j.State = status.JobWaiting
		case s.State == StageFailed && (failed.State == "" || s.Ended.Before(failed.Ended)):
			failed = s
		}
	}
	if j.State == status.JobDone && failed.State != "" {
		j.State, j.Reason = status.JobFailed, failed.Error
	}
	switch {
	case !j.State.Finished():
		j.Reason, j.Finished = "", time.Time{}
	case !before.Finished():
		j.Finished = now
	}
	if j.State == status.JobDone {
		j.Reason = ""
	}
}

// Stop drops or cancels a job and cancels its open stages. The caller cancels the
// attempts that run. The state of a finished job stays.
func (j *Job) Stop(state status.JobState, reason string, now time.Time) {
	for name, s := range j.Stages {
		if s.State.Open() {
			s.State = StageCancelled
			j.Stages[name] = s
		}
	}
	if !j.State.Finished() {
		j.State, j.Reason, j.Finished = state, reason, now
	}
}

// Open reports whether any work is left for the job: a stage that is open, shadows
// included, or files to publish or to move. An open job is listed as active and its
// files are kept.
func (j *Job) Open() bool {
	if j.Aside || !j.State.Finished() {
		return true
	}
	for _, s := range j.Stages {
		if s.State.Open() || s.Unpublished {
			return true
		}
	}
	return false
}

// Announced reports whether any phase of the block was put into an outbox.
func (j *Job) Announced() bool {
	for _, s := range j.Stages {
		if s.Announced != "" {
			return true
		}
	}
	return false
}
