package contract

import "time"

// EventKind is the kind of an event. The set is open: a later host may send kinds that a
// plugin does not know.
type EventKind string

// The kinds of event. The first five are phases of a block, in their order.
// EventAccepted reports that a phase has reached its destination. The rest are alerts.
const (
	EventQueued  EventKind = "queued"  // the proof stage has accepted the block
	EventProving EventKind = "proving" // the proof stage has shown its first progress
	EventProved  EventKind = "proved"  // the proof is durable
	EventChecked EventKind = "checked" // the last stage of a pipeline without a proof stage is done
	EventFailed  EventKind = "failed"  // the block is given up

	EventAccepted EventKind = "accepted" // a reporter's other side has taken the proof

	EventNodeDown         EventKind = "node_down"
	EventNodeRecovered    EventKind = "node_recovered"
	EventProverStuck      EventKind = "prover_stuck"
	EventReporterRejected EventKind = "reporter_rejected"
	EventStageDown        EventKind = "stage_down"
	EventStageRecovered   EventKind = "stage_recovered"
)

// EventKinds lists every kind: the phases in their order, then the others.
func EventKinds() []EventKind {
	return []EventKind{
		EventQueued, EventProving, EventProved, EventChecked, EventFailed, EventAccepted,
		EventNodeDown, EventNodeRecovered, EventProverStuck, EventReporterRejected, EventStageDown, EventStageRecovered,
	}
}

// IsPhase reports whether the event is a phase of a block. Phases are delivered in order
// and do not expire while they still matter; every other event expires after an hour.
func (k EventKind) IsPhase() bool {
	switch k {
	case EventQueued, EventProving, EventProved, EventChecked, EventFailed:
		return true
	}
	return false
}

// IsAlert reports whether the event reports a fault or the end of one.
func (k EventKind) IsAlert() bool { return !k.IsPhase() && k != EventAccepted }

// Event is something to report. It is delivered at least once. The phases of one block
// arrive in order, never an earlier phase after a later one.
type Event struct {
	ID       string // the same at every try
	Kind     EventKind
	Pipeline string
	Stage    string // the stage that the event is about; empty for the whole pipeline
	Time     time.Time
	Block    *Block // nil for an alert that is about no block
	Facts    map[string]string
	// Artifacts are the files that belong to the event: for EventProved the proof, with
	// RoleProof; for a reporter with CapabilityArtifacts more. Paths are relative to Dir.
	Artifacts []Artifact
	// Dir is the absolute path of a directory that is private to this try, with in/, out/
	// and tmp/ as in Task.
	Dir string
	// Try counts from 1. An earlier try may have reached the other side.
	Try uint32
}
