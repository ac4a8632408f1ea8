// Package job holds the durable records of the host: a job, its stages, the
// events that it owes to reporters, and the change that one transaction makes.
// The engine computes them, the checkpoint stores them, the outbox sends them.
package job

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Origins of a job.
const (
	Selected = "selected" // by the pipeline's selection
	Added    = "added"    // by the operator, for the whole pipeline
	Given    = "given"    // by the operator, with its guest input
)

// Job is the record of one block on its way through the stages. A stored Job is
// never changed in place: Clone, change, commit.
type Job struct {
	ID        string             `json:"id"`
	Block     contract.Block     `json:"block"`
	Origin    string             `json:"origin"`
	State     status.JobState    `json:"state"`
	Stage     string             `json:"stage,omitempty"` // where it waits, runs, or came to its end
	NotBefore time.Time          `json:"not_before,omitzero"`
	Announced contract.EventKind `json:"announced,omitempty"` // the highest phase put into the outbox
	Reason    string             `json:"reason,omitempty"`
	ProvingMS int64              `json:"proving_time_ms,omitempty"` // of a proved block, as reported
	Created   time.Time          `json:"created"`
	Finished  time.Time          `json:"finished,omitzero"`
	Stages    map[string]Stage   `json:"stages"`
}

// Stage is the record of one stage of a job.
type Stage struct {
	// Fingerprint names the plugin and configuration that did the work. Work
	// done under another fingerprint is done again.
	Fingerprint string              `json:"fingerprint,omitempty"`
	Done        bool                `json:"done,omitempty"`
	Skipped     bool                `json:"skipped,omitempty"` // not needed: the input was given
	Attempt     uint32              `json:"attempt"`           // attempts begun; names the directory
	Failures    int                 `json:"failures,omitempty"`
	Crashes     int                 `json:"crashes,omitempty"` // plugin deaths during an attempt
	Started     time.Time           `json:"started,omitzero"`
	Ended       time.Time           `json:"ended,omitzero"`
	WorkTime    time.Duration       `json:"work_time,omitempty"`
	Outputs     []contract.Artifact `json:"outputs,omitempty"` // paths relative to the data directory
	Facts       map[string]string   `json:"facts,omitempty"`
	Error       string              `json:"error,omitempty"` // of the last failed attempt
	Resume      *Resume             `json:"resume,omitempty"`
}

// Resume is a token that a prover handed out, and for which work it is good.
type Resume struct {
	Token       []byte `json:"token"`
	Fingerprint string `json:"fingerprint"`
	Inputs      string `json:"inputs"` // InputsDigest of the attempt that sent it
}

// New returns the record of a block that has just become a job.
func New(block contract.Block, origin string, now time.Time) *Job {
	return &Job{
		ID: block.JobID(), Block: block, Origin: origin,
		State: status.JobWaiting, Created: now, Stages: map[string]Stage{},
	}
}

// Clone returns a copy that may be changed. Artifacts and facts of stages are
// shared: they are replaced whole, never changed.
func (j *Job) Clone() *Job {
	c := *j
	c.Stages = maps.Clone(j.Stages)
	return &c
}

// InputsDigest is a digest over names and hashes of artifacts, independent of
// their order and place.
func InputsDigest(artifacts []contract.Artifact) string {
	lines := make([]string, 0, len(artifacts))
	for _, a := range artifacts {
		lines = append(lines, a.Name+" "+hex.EncodeToString(a.SHA256[:]))
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		h.Write([]byte(line + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}
