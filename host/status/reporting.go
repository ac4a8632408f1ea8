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
	ReportRejected = "rejected" // the reporter will never take it
	ReportExpired  = "expired"  // not delivered in time
)

// Debt is a proof, or the verdict of a pipeline without proofs, that a reporter has
// not got.
type Debt struct {
	Reporter string
	Kind     contract.EventKind // EventProved or EventChecked
	State    string             // ReportWaiting, ReportRejected or ReportExpired
	Reason   string             // of the last try; empty where there was none
}

// lane is what follows each other: the reports of one reporter about one stage.
type lane struct{ reporter, stage string }

// latest returns the last report of each lane, of the kinds that wanted takes, and the
// lanes in the order of their first.
func latest(reports []Report, wanted func(contract.EventKind) bool) (lanes []lane, last map[lane]Report) {
	last = map[lane]Report{}
	for _, r := range reports { // the settled ones in the order of their end, then those that wait
		if !wanted(r.Kind) {
			continue
		}
		l := lane{r.Reporter, r.Stage}
		if l.stage != "" { // a report from before reports had a stage is of this one
			delete(last, lane{reporter: r.Reporter})
		}
		if _, known := last[l]; !known {
			lanes = append(lanes, l)
		}
		last[l] = r
	}
	return lanes, last
}

// Debts lists what a job still owes to its reporters: what waits, and what came to
// nothing and was not sent again since. A report that is sent settles it, whatever
// the answer: a dry run, and a proof that the other side has from somebody else,
// are ends as good as an acceptance.
func (j Job) Debts() (debts []Debt) {
	lanes, last := latest(j.Reports, func(kind contract.EventKind) bool {
		return kind == contract.EventProved || kind == contract.EventChecked
	})
	for _, l := range lanes {
		switch r := last[l]; r.State { // empty for one that was deleted
		case ReportWaiting, ReportRejected, ReportExpired:
			debts = append(debts, Debt{Reporter: r.Reporter, Kind: r.Kind, State: r.State, Reason: r.Error})
		}
	}
	return debts
}

// ProofState is what the reports of a proof have come to.
type ProofState string

// The states of a proof. In this order the first that applies to one of its reporters
// holds: a message to people that was sent, or was not, says nothing of EthProofs.
const (
	ProofAccepted  ProofState = "accepted"  // an other side has it
	ProofDryRun    ProofState = "dry run"   // a reporter that would send it was told to send nothing
	ProofWaiting   ProofState = "waiting"   // a reporter is still to send it
	ProofRefused   ProofState = "refused"   // a reporter has given it up: rejected or expired
	ProofElsewhere ProofState = "elsewhere" // the other side has another proof of the block, and wants none
	ProofTold      ProofState = "told"      // to reporters that say nothing of an outcome
	ProofOwed      ProofState = ""          // to nobody
)

// ReportedProof is the state of a proof with what there is to say of it.
type ReportedProof struct {
	State ProofState
	// At is when the first other side took it, or the reporter gave it up.
	At       time.Time
	Reporter string // of that
	Reason   string // of ProofRefused
}

// Proof is the one reading of a job's reports of its proof, by which scores, lists,
// health and dashboard call it proved or not.
func Proof(reports []Report) ReportedProof {
	best := ReportedProof{}
	for _, r := range reports { // what was accepted once stays so, whatever came later
		if r.Kind == contract.EventProved && r.State == ReportSent && contract.HasProof(r.Facts[contract.FactOutcome]) &&
			(best.State == ProofOwed || r.At.Before(best.At)) {
			best = ReportedProof{State: ProofAccepted, At: r.At, Reporter: r.Reporter}
		}
	}
	if best.State != ProofOwed {
		return best
	}
	order := []ProofState{ProofDryRun, ProofWaiting, ProofRefused, ProofElsewhere, ProofTold}
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
			return ProofTold
		}
		return ProofElsewhere
	}
	return ProofOwed // withdrawn, or void
}

// DebtText says in one line what the job's reporters have not got; it is empty for
// a job that is settled.
func (j Job) DebtText() string {
	debts := j.Debts()
	if len(debts) == 0 {
		return ""
	}
	texts := make([]string, len(debts))
	for i, d := range debts {
		reason := strings.Join(strings.Fields(d.Reason), " ")
		switch {
		case reason == "" && d.State == ReportWaiting:
			reason = "not yet"
		case reason == "":
			reason = d.State
		}
		texts[i] = d.Reporter + ": " + reason
	}
	return fmt.Sprintf("%s, not reported (%s)", debts[0].Kind, strings.Join(texts, "; "))
}
