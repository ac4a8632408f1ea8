package record

import (
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Event is an entry of a reporter's outbox. It is written in the transaction
// that records what it tells of, and removed in the one that records what became
// of it.
type Event struct {
	Reporter string             `json:"reporter"`
	Seq      uint64             `json:"seq"` // given by the checkpoint; ascending within a reporter
	Kind     contract.EventKind `json:"kind"`
	Job      string             `json:"job,omitempty"`
	Stage    string             `json:"stage,omitempty"`
	// Lane sets apart the events about one block number that may pass each other:
	// the proof stage, at a reporter that tells of several; else empty.
	Lane    string              `json:"lane,omitempty"`
	Block   *contract.Block     `json:"block,omitempty"`
	Facts   map[string]string   `json:"facts,omitempty"`
	Outputs []contract.Artifact `json:"outputs,omitempty"` // paths relative to the data directory
	// Beside is what else was made for the block, for a reporter that wants it all. It
	// is handed over where it is still there.
	Beside   []contract.Artifact `json:"beside,omitempty"`
	At       time.Time           `json:"at"`
	Expires  time.Time           `json:"expires"`
	Tries    uint32              `json:"tries,omitempty"`
	NotUntil time.Time           `json:"not_until,omitzero"` // the next try
	Error    string              `json:"error,omitempty"`    // of the last try
}

// Outcome says what became of an event.
type Outcome string

// The outcomes of an event.
const (
	Sent       Outcome = status.ReportSent
	Rejected   Outcome = status.ReportRejected // the reporter will never take it
	Expired    Outcome = status.ReportExpired  // not delivered in time
	Superseded Outcome = "superseded"          // a later phase of the same number was announced, or is about to be
	Unclaimed  Outcome = "unclaimed"           // the pipeline has no such reporter any more
)

// Settlement records what became of an event, and what that gives rise to.
type Settlement struct {
	Outcome Outcome
	Reason  string            // why it was not sent
	Facts   map[string]string // what the reporter answered
	At      time.Time
	Causes  []Event // appended to their reporters' outboxes in the same transaction
}

// Reached is the highest phase that a reporter has tried to announce for a
// block number, and for which hash. EthProofs knows only numbers, so that after
// a reorg the new hash must not announce a lower phase than the old one did.
type Reached struct {
	Hash contract.Hash `json:"hash"`
	Rank int           `json:"rank"`
}

// Rank orders the phases of a block; any other event has rank 0.
func Rank(kind contract.EventKind) int {
	switch kind {
	case contract.EventQueued:
		return 1
	case contract.EventProving:
		return 2
	case contract.EventProved, contract.EventChecked, contract.EventFailed:
		return 3
	}
	return 0
}
