package record

import (
	"errors"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// ErrNotFound is returned when there is no such record.
var ErrNotFound = errors.New("there is no such record")

// Change is everything that one transaction writes. Either all of it is on disk or
// nothing of it.
type Change struct {
	Jobs     []*Job   // replace the stored records of the same id
	Events   []Event  // appended to the outboxes of their reporters, in this order
	Cursor   *Cursor  // replaces the cursor of its stage; nil leaves it
	Unsend   []string // ids of jobs whose untried events are removed before Events are added
	Requests []uint64 // ids of requests that are removed
}

// Cursor is the position up to which a source has been read.
type Cursor struct {
	Stage   string    `json:"stage"`
	Cursor  []byte    `json:"cursor"`
	Head    uint64    `json:"head"`
	Updated time.Time `json:"updated"`
	// Selection is the JSON form of the bounds of the selection that the cursor belongs
	// to. With other bounds the source starts anew, without the cursor.
	Selection string `json:"selection"`
}

// Verbs of a request.
const (
	VerbAdd   = "add"   // take in the block Number
	VerbProve = "prove" // prove the block Number with the guest input Input at Stage
	VerbRetry = "retry" // queue Job again, see From and Stage
	VerbSkip  = "skip"  // cancel Job
)

// Request is a command that the operator gave while no host was running.
type Request struct {
	ID     uint64         `json:"id"`
	Verb   string         `json:"verb"`
	Number uint64         `json:"number"`
	Hash   *contract.Hash `json:"hash,omitempty"`
	Input  string         `json:"input,omitempty"` // absolute path of the copy of a given guest input
	Job    string         `json:"job,omitempty"`
	Stage  string         `json:"stage,omitempty"` // the proof stage, or the branch of a retry; empty for the default
	From   string         `json:"from,omitempty"`  // the first stage that a retry does anew
	At     time.Time      `json:"at"`
	// BuildTime is how long it took to make a given input; 0 when it is not known.
	BuildTime time.Duration `json:"build_time_ns,omitempty"`
}

// Run is one run of the host process.
type Run struct {
	ID      string    `json:"id"`
	Seq     uint64    `json:"seq"` // assigned by the checkpoint, ascending
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Stopped time.Time `json:"stopped,omitzero"` // zero after a crash
	Version string    `json:"version"`
}
