package record

import (
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Event is an entry of a reporter's outbox. The transaction that records what has
// happened adds it, and the transaction that records its outcome removes it.
type Event struct {
	Reporter string             `json:"reporter"`
	Seq      uint64             `json:"seq"` // assigned by the checkpoint, ascending within a reporter
	Kind     contract.EventKind `json:"kind"`
	Job      string             `json:"job,omitempty"`
	Stage    string             `json:"stage,omitempty"`
	// Lane is the proof stage of the event at a reporter that reports several proof
	// stages; else it is empty. Only events of the same block number and the same lane
	// are sent in order.
	Lane    string              `json:"lane,omitempty"`
	Block   *contract.Block     `json:"block,omitempty"`
	Facts   map[string]string   `json:"facts,omitempty"`
	Outputs []contract.Artifact `json:"outputs,omitempty"` // paths relative to the data directory
	// Additional are the other artifacts of the block, for a reporter that receives all
	// artifacts. Those whose files were removed are left out when the event is sent.
	Additional []contract.Artifact `json:"beside,omitempty"`
	At         time.Time           `json:"at"`
	Expires    time.Time           `json:"expires"`
	Tries      uint32              `json:"tries,omitempty"`
	NotUntil   time.Time           `json:"not_until,omitzero"` // the time of the next try
	Error      string              `json:"error,omitempty"`    // of the last try
}

// Outcome is how the delivery of an event ended.
type Outcome string

// The outcomes of an event.
const (
	Sent       Outcome = status.ReportSent
	Rejected   Outcome = status.ReportRejected // the reporter will never accept it
	Expired    Outcome = status.ReportExpired  // not delivered in time
	Superseded Outcome = "superseded"          // a later phase of the same number was announced or waits to be
	Unclaimed  Outcome = "unclaimed"           // the pipeline has no such reporter any more
)

// Settlement records the outcome of an event together with the events that follow from
// it.
type Settlement struct {
	Outcome Outcome
	Reason  string            // why it was not sent
	Facts   map[string]string // the answer of the reporter
	At      time.Time
	Causes  []Event // appended to the outboxes of their reporters in the same transaction
}

// Reached is the highest phase that a reporter has tried to announce for a block
// number, with the hash of that block. EthProofs knows only numbers. Therefore after a
// reorg the new hash must not announce a lower phase than the old one.
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
