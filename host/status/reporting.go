package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// The states of a report.
const (
	ReportWaiting  = "waiting"
	ReportSent     = "sent"
	ReportRejected = "rejected" // the reporter will never accept it
	ReportExpired  = "expired"  // not delivered in time
)

// Unsettled is a proof, or a checked block of a pipeline without proofs, that a reporter
// has not delivered.
type Unsettled struct {
	Reporter string
	Kind     contract.EventKind // EventProved or EventChecked
	State    string             // ReportWaiting, ReportRejected or ReportExpired
	Reason   string             // why the last try failed; empty when there was none
}

// lane identifies the reports that follow each other: those of one reporter about one
// stage.
type lane struct{ reporter, stage string }

// latest returns the last report of each lane, counting only the wanted kinds. It returns
// the lanes in the order of their first reports.
func latest(reports []Report, wanted func(contract.EventKind) bool) (lanes []lane, last map[lane]Report) {
	last = map[lane]Report{}
	for _, r := range reports { // settled reports in the order of their end, then waiting ones
		if !wanted(r.Kind) {
			continue
		}
		l := lane{r.Reporter, r.Stage}
		if l.stage != "" { // an old report without a stage is about this stage
			delete(last, lane{reporter: r.Reporter})
		}
		if _, known := last[l]; !known {
			lanes = append(lanes, l)
		}
		last[l] = r
	}
	return lanes, last
}

// Unsettled returns the reports of a job that are not settled: those that wait, and those
// that were rejected or have expired and were not sent again. A report that was sent is
// settled whatever the answer, also after a dry run and when the destination has a proof
// of another prover.
func (j Job) Unsettled() (unsettled []Unsettled) {
	lanes, last := latest(j.Reports, func(kind contract.EventKind) bool {
		return kind == contract.EventProved || kind == contract.EventChecked
	})
	for _, l := range lanes {
		switch r := last[l]; r.State { // empty when latest has deleted the lane
		case ReportWaiting, ReportRejected, ReportExpired:
			unsettled = append(unsettled, Unsettled{Reporter: r.Reporter, Kind: r.Kind, State: r.State, Reason: r.Error})
		}
	}
	return unsettled
}

// ProofState is the outcome of all reports of a proof.
type ProofState string

// The states of a proof. When several reporters have a report, the first of these states
// that applies to one of them is the state of the proof. So a message to people does not
// hide the outcome at EthProofs.
const (
	ProofAccepted   ProofState = "accepted"  // a destination has accepted it
	ProofDryRun     ProofState = "dry run"   // a reporter that would send it is configured to send nothing
	ProofWaiting    ProofState = "waiting"   // a reporter has not sent it yet
	ProofRefused    ProofState = "refused"   // a report was rejected or has expired
	ProofElsewhere  ProofState = "elsewhere" // the destination has another proof of the block and needs no more
	ProofDelivered  ProofState = "told"      // sent by reporters that state no outcome
	ProofUnreported ProofState = ""          // no reporter has a report of it
)

// ReportedProof is the state of a proof with the report that determines it.
type ReportedProof struct {
	State ProofState
	// At is the time of that report; for ProofAccepted, of the first acceptance.
	At       time.Time
	Reporter string
	Reason   string // why, for ProofRefused
}

// Proof returns the state of a proof from the reports of its job. Scores, lists, health
// and dashboard all use it to decide whether a block counts as proved.
func Proof(reports []Report) ReportedProof {
	best := ReportedProof{}
	for _, r := range reports { // an acceptance is final, whatever came later
		if r.Kind == contract.EventProved && r.State == ReportSent && contract.HasProof(r.Facts[contract.FactOutcome]) &&
			(best.State == ProofUnreported || r.At.Before(best.At)) {
			best = ReportedProof{State: ProofAccepted, At: r.At, Reporter: r.Reporter}
		}
	}
	if best.State != ProofUnreported {
		return best
	}
	order := []ProofState{ProofDryRun, ProofWaiting, ProofRefused, ProofElsewhere, ProofDelivered}
	rank := len(order)
	lanes, last := latest(reports, func(kind contract.EventKind) bool { return kind == contract.EventProved })
	for _, l := range lanes {
		r, known := last[l]
		if !known {
			continue
		}
		state := stateOf(r)
		if at := slices.Index(order, state); at >= 0 && at < rank {
			rank, best = at, ReportedProof{State: state, At: r.At, Reporter: r.Reporter}
			if state == ProofRefused {
				best.Reason = cmp.Or(r.Error, r.Reporter+" "+r.State)
			}
		}
	}
	return best
}

// stateOf returns the state of a proof that has this report only.
func stateOf(r Report) ProofState {
	switch r.State {
	case ReportWaiting:
		return ProofWaiting
	case ReportRejected, ReportExpired:
		return ProofRefused
	case ReportSent:
		switch r.Facts[contract.FactOutcome] {
		case contract.OutcomeDryRun:
			return ProofDryRun
		case "":
			return ProofDelivered
		}
		return ProofElsewhere
	}
	return ProofUnreported // withdrawn or superseded
}

// UnsettledText returns one line about the unsettled reports of a job; empty when there
// are none.
func (j Job) UnsettledText() string {
	unsettled := j.Unsettled()
	if len(unsettled) == 0 {
		return ""
	}
	texts := make([]string, len(unsettled))
	for i, u := range unsettled {
		reason := strings.Join(strings.Fields(u.Reason), " ")
		switch {
		case reason == "" && u.State == ReportWaiting:
			reason = "not yet"
		case reason == "":
			reason = u.State
		}
		texts[i] = u.Reporter + ": " + reason
	}
	return fmt.Sprintf("%s, not reported (%s)", unsettled[0].Kind, strings.Join(texts, "; "))
}
