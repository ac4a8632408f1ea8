package record

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// StageState is the state of a stage of a job.
type StageState string

// The states of a stage of a job.
const (
	StageWaiting   StageState = "waiting" // for the stages that it needs, for a slot, or for NotBefore
	StageRunning   StageState = "running"
	StageDone      StageState = "done"
	StageFailed    StageState = "failed"    // given up, see Error
	StageBlocked   StageState = "blocked"   // a stage that it needs failed
	StageSkipped   StageState = "skipped"   // its work is not needed, see Error for the reason
	StageCancelled StageState = "cancelled" // the job was cancelled or dropped
	StageRemoved   StageState = "removed"   // the pipeline has no such stage any more
)

// Open reports whether the stage waits or runs.
func (s StageState) Open() bool { return s == StageWaiting || s == StageRunning }

// Complete reports whether the stages that need this one may begin.
func (s StageState) Complete() bool { return s == StageDone || s == StageSkipped }

// Stage is the record of one stage of a job.
type Stage struct {
	State StageState `json:"state"`
	// Shadow is true for a stage that the job's own state does not depend on.
	Shadow bool `json:"shadow,omitempty"`
	// Fingerprint identifies the plugin and the configuration that made the result, and
	// Inputs is the InputsDigest of its inputs. A result is valid only for the same
	// fingerprint and the same inputs.
	Fingerprint string `json:"fingerprint,omitempty"`
	Inputs      string `json:"inputs,omitempty"`
	// Attempt counts the attempts begun; it names their directories.
	Attempt   uint32    `json:"attempt"`
	Failures  int       `json:"failures,omitempty"`  // retryable failures and lost inputs
	Deaths    int       `json:"deaths,omitempty"`    // of the plugin while it worked on this block alone
	Suspect   bool      `json:"suspect,omitempty"`   // the plugin died while it worked on this block and others
	NotBefore time.Time `json:"not_before,omitzero"` // earliest begin of the next attempt
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	// Error is why the last attempt ended without a result, or why the stage is
	// failed, blocked or skipped. Class and Remedy belong to it.
	Error  string         `json:"error,omitempty"`
	Class  contract.Class `json:"class,omitempty"`
	Remedy string         `json:"remedy,omitempty"`
	// Stale is the complaint of another stage about the last outputs of this one. The
	// next attempt gets it together with the facts of the last.
	Stale string `json:"stale,omitempty"`

	// The result of the last attempt that succeeded. A stage that waits again keeps it,
	// so that it can be used when it is still valid.
	WorkTime time.Duration       `json:"work_time,omitempty"`
	Outputs  []contract.Artifact `json:"outputs,omitempty"` // paths relative to the data directory
	Facts    map[string]string   `json:"facts,omitempty"`
	// Unpublished is true while the outputs have to be copied to the output directory.
	Unpublished bool `json:"unpublished,omitempty"`

	// Only stages that make a proof have the following.
	Resume    *Resume            `json:"resume,omitempty"`
	Phase     contract.EventKind `json:"phase,omitempty"`           // the highest phase reached
	Announced contract.EventKind `json:"announced,omitempty"`       // the highest phase put into the outbox
	ProvingMS int64              `json:"proving_time_ms,omitempty"` // as reported, once it is done
}

// Resume is a token of a prover for work that goes on in another service. It is valid
// only for an attempt with the same fingerprint and inputs.
type Resume struct {
	Token       []byte `json:"token"`
	Fingerprint string `json:"fingerprint"`
	Inputs      string `json:"inputs"` // InputsDigest of the attempt that sent it
}

// Reset returns the record of a stage that is to run anew. It keeps only the count of
// attempts and the announced phase, which must never repeat.
func (s Stage) Reset() Stage {
	return Stage{State: StageWaiting, Shadow: s.Shadow, Attempt: s.Attempt, Announced: s.Announced}
}

// InputsDigest returns a digest of the names and hashes of artifacts, in hex. It does
// not depend on their order and paths.
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
