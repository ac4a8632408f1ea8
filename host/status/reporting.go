package status

import (
	"fmt"
	"strings"

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

// Debts lists what a job still owes to its reporters: what waits, and what came to
// nothing and was not sent again since. A report that is sent settles it, whatever
// the answer: a dry run, and a proof that the other side has from somebody else,
// are ends as good as an acceptance.
func (j Job) Debts() (debts []Debt) {
	type lane struct{ reporter, stage string }
	var lanes []lane
	last := map[lane]Report{}
	for _, r := range j.Reports { // the settled ones in the order of their end, then those that wait
		if r.Kind != contract.EventProved && r.Kind != contract.EventChecked {
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
	for _, l := range lanes {
		switch r := last[l]; r.State { // empty for one that was deleted
		case ReportWaiting, ReportRejected, ReportExpired:
			debts = append(debts, Debt{Reporter: r.Reporter, Kind: r.Kind, State: r.State, Reason: r.Error})
		}
	}
	return debts
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
