package record

import (
	"errors"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// ErrNotFound says that there is no such record.
var ErrNotFound = errors.New("there is no such record")

// Change is everything that one transaction writes. Either all of it is on disk
// or nothing.
type Change struct {
	Jobs     []*Job   // written whole
	Events   []Event  // appended to their reporters' outboxes, in this order
	Cursor   *Cursor  // of the source
	Unsend   []string // jobs whose events that were never tried are removed, before Events are added
	Requests []uint64 // requests that are dealt with
}

// Cursor is how far a source has been read.
type Cursor struct {
	Stage   string    `json:"stage"`
	Cursor  []byte    `json:"cursor"`
	Head    uint64    `json:"head"`
	Updated time.Time `json:"updated"`
	// Selection is the selection that the cursor was read with, as JSON. Another
	// one starts at the head again.
	Selection string `json:"selection"`
}

// Verbs of a request.
const (
	VerbAdd   = "add"   // the block Number
	VerbProve = "prove" // the block Number with the guest input Input, at Stage
	VerbRetry = "retry" // the job Job, from Stage on
	VerbSkip  = "skip"  // the job Job
)

// Request is what the operator asked for while no host was running.
type Request struct {
	ID     uint64         `json:"id"`
	Verb   string         `json:"verb"`
	Number uint64         `json:"number"`
	Hash   *contract.Hash `json:"hash,omitempty"`
	Input  string         `json:"input,omitempty"` // absolute path of the copy of a given guest input
	Job    string         `json:"job,omitempty"`
	Stage  string         `json:"stage,omitempty"` // the proof or the branch that is meant; empty for the default
	From   string         `json:"from,omitempty"`  // the first stage that a retry does anew
	At     time.Time      `json:"at"`
	// BuildTime is how long it took to make a given input; 0 for not known.
	BuildTime time.Duration `json:"build_time_ns,omitempty"`
}

// Run is one life of the host.
type Run struct {
	ID      string    `json:"id"`
	Seq     uint64    `json:"seq"` // given by the checkpoint; ascending, whatever the clock says
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Stopped time.Time `json:"stopped,omitzero"` // zero after a crash
	Version string    `json:"version"`
}
