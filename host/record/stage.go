package record

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// StageState says where a stage of a job stands.
type StageState string

// The states of a stage of a job.
const (
	StageWaiting   StageState = "waiting" // for what it needs, for its turn, or for NotBefore
	StageRunning   StageState = "running"
	StageDone      StageState = "done"
	StageFailed    StageState = "failed"    // given up, see Error
	StageBlocked   StageState = "blocked"   // a stage that it needs failed
	StageSkipped   StageState = "skipped"   // its work is not needed, see Error for why
	StageCancelled StageState = "cancelled" // the whole job was
	StageRemoved   StageState = "removed"   // the pipeline has no such stage any more
)

// Open reports whether there is work left.
func (s StageState) Open() bool { return s == StageWaiting || s == StageRunning }

// Complete reports whether a stage that needs this one may begin.
func (s StageState) Complete() bool { return s == StageDone || s == StageSkipped }

// Stage is the record of one stage of a job.
type Stage struct {
	State StageState `json:"state"`
	// Shadow is true for a stage that the job's own state does not depend on.
	Shadow bool `json:"shadow,omitempty"`
	// Fingerprint names the plugin and configuration that did the work, and Inputs
	// is the InputsDigest of what it worked on. Work is taken over only under the
	// same fingerprint and from the same inputs.
	Fingerprint string `json:"fingerprint,omitempty"`
	Inputs      string `json:"inputs,omitempty"`
	// Attempt counts the attempts begun; it names their directories.
	Attempt   uint32    `json:"attempt"`
	Failures  int       `json:"failures,omitempty"` // retryable failures, and inputs that had to be made again
	Deaths    int       `json:"deaths,omitempty"`   // of the plugin, while this block was alone in it
	Suspect   bool      `json:"suspect,omitempty"`  // the plugin died with this and other blocks in it
	NotBefore time.Time `json:"not_before,omitzero"`
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	// Error is why the last attempt ended without a result, or why the stage is
	// failed, blocked or skipped. Class and Remedy belong to it.
	Error  string         `json:"error,omitempty"`
	Class  contract.Class `json:"class,omitempty"`
	Remedy string         `json:"remedy,omitempty"`
	// Stale is the complaint of another stage about this stage's last outputs; it
	// is handed to the next attempt with the facts of the last.
	Stale string `json:"stale,omitempty"`

	// The result of the last attempt that succeeded. It stays when the stage has
	// to wait again, so that it can be taken over when nothing has changed.
	WorkTime time.Duration       `json:"work_time,omitempty"`
	Outputs  []contract.Artifact `json:"outputs,omitempty"` // paths relative to the data directory
	Facts    map[string]string   `json:"facts,omitempty"`
	// Unpublished is true until the outputs were copied to the output directory.
	Unpublished bool `json:"unpublished,omitempty"`

	// Of a stage that makes a proof:
	Resume    *Resume            `json:"resume,omitempty"`
	Phase     contract.EventKind `json:"phase,omitempty"`           // the highest phase reached
	Announced contract.EventKind `json:"announced,omitempty"`       // the highest phase put into the outbox
	ProvingMS int64              `json:"proving_time_ms,omitempty"` // as reported, once it is done
}

// Resume is a token that a prover handed out, and for which work it is good.
type Resume struct {
	Token       []byte `json:"token"`
	Fingerprint string `json:"fingerprint"`
	Inputs      string `json:"inputs"` // InputsDigest of the attempt that sent it
}

// Again returns the record of a stage that is to run anew: only what must never
// repeat stays, the count of attempts and what was announced.
func (s Stage) Again() Stage {
	return Stage{State: StageWaiting, Shadow: s.Shadow, Attempt: s.Attempt, Announced: s.Announced}
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
