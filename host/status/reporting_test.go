package status

import (
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

func TestUnsettled(t *testing.T) {
	report := func(kind contract.EventKind, reporter, state, text, outcome string) Report {
		r := Report{Reporter: reporter, Kind: kind, State: state, Error: text}
		if outcome != "" {
			r.Facts = map[string]string{contract.FactOutcome: outcome}
		}
		return r
	}
	proved := func(state, text, outcome string) Report {
		return report(contract.EventProved, "ethproofs", state, text, outcome)
	}
	for name, c := range map[string]struct {
		reports []Report
		want    string
	}{
		"nothing owed":       {nil, ""},
		"accepted":           {[]Report{proved("sent", "", contract.OutcomeAccepted)}, ""},
		"dry run":            {[]Report{proved("sent", "", contract.OutcomeDryRun)}, ""},
		"proved elsewhere":   {[]Report{proved("sent", "", contract.OutcomeProvedElsewhere)}, ""},
		"superseded":         {[]Report{proved("superseded", "a later phase", "")}, ""},
		"reporter is gone":   {[]Report{proved("unclaimed", "the pipeline has no reporter ethproofs any more", "")}, ""},
		"waits":              {[]Report{proved("waiting", "", "")}, "proved, not reported (ethproofs: not yet)"},
		"wrong key":          {[]Report{proved("waiting", "401\nwrong key", "")}, "proved, not reported (ethproofs: 401 wrong key)"},
		"rejected":           {[]Report{proved("rejected", "413 too large", "")}, "proved, not reported (ethproofs: 413 too large)"},
		"expired":            {[]Report{proved("expired", "", "")}, "proved, not reported (ethproofs: expired)"},
		"sent once more":     {[]Report{proved("rejected", "413", ""), proved("sent", "", contract.OutcomeAccepted)}, ""},
		"waits once more":    {[]Report{proved("rejected", "413", ""), proved("waiting", "", "")}, "proved, not reported (ethproofs: not yet)"},
		"only a first phase": {[]Report{report(contract.EventQueued, "ethproofs", "rejected", "409", "")}, ""},
		"a verdict":          {[]Report{report(contract.EventChecked, "notify", "expired", "no route", "")}, "checked, not reported (notify: no route)"},
		"one of two": {[]Report{proved("sent", "", contract.OutcomeAccepted), report(contract.EventProved, "staging", "rejected", "401", "")},
			"proved, not reported (staging: 401)"},
		"one of two stages": {[]Report{
			{Reporter: "ethproofs", Stage: "prove", Kind: contract.EventProved, State: "rejected", Error: "401"},
			{Reporter: "ethproofs", Stage: "other", Kind: contract.EventProved, State: "sent"},
		}, "proved, not reported (ethproofs: 401)"},
	} {
		if got := (Job{State: JobDone, Reports: c.reports}).UnsettledText(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestProof checks that the first acceptance of a proof is final, that otherwise the last
// report of each reporter counts, and that messages to people do not count.
func TestProof(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 25, 12, minute, 0, 0, time.UTC) }
	report := func(reporter, state, outcome string, minute int) Report {
		return Report{Reporter: reporter, Stage: "prove", Kind: contract.EventProved, State: state, At: at(minute), Facts: map[string]string{contract.FactOutcome: outcome}}
	}
	slack := report("slack", ReportSent, "", 1)
	refused := report("ethproofs", ReportRejected, "", 2)
	refused.Error = "401"
	for name, c := range map[string]struct {
		reports []Report
		want    ReportedProof
	}{
		"owed to nobody":           {nil, ReportedProof{}},
		"told to people":           {[]Report{slack}, ReportedProof{ProofDelivered, at(1), "slack", ""}},
		"refused":                  {[]Report{slack, refused}, ReportedProof{ProofRefused, at(2), "ethproofs", "401"}},
		"and to be sent again":     {[]Report{refused, {Reporter: "ethproofs", Stage: "prove", Kind: contract.EventProved, State: ReportWaiting}}, ReportedProof{ProofWaiting, time.Time{}, "ethproofs", ""}},
		"accepted by the second":   {[]Report{refused, report("second", ReportSent, contract.OutcomeAccepted, 3)}, ReportedProof{ProofAccepted, at(3), "second", ""}},
		"the first acceptance":     {[]Report{report("second", ReportSent, contract.OutcomeAccepted, 5), report("ethproofs", ReportSent, contract.OutcomeAcceptedBefore, 4)}, ReportedProof{ProofAccepted, at(4), "ethproofs", ""}},
		"accepted, then refused":   {[]Report{report("ethproofs", ReportSent, contract.OutcomeAccepted, 1), refused}, ReportedProof{ProofAccepted, at(1), "ethproofs", ""}},
		"somebody else's is there": {[]Report{slack, report("ethproofs", ReportSent, contract.OutcomeProvedElsewhere, 2)}, ReportedProof{ProofElsewhere, at(2), "ethproofs", ""}},
		"a dry run":                {[]Report{report("slack", ReportExpired, "", 1), report("ethproofs", ReportSent, contract.OutcomeDryRun, 2)}, ReportedProof{ProofDryRun, at(2), "ethproofs", ""}},
		"void":                     {[]Report{{Reporter: "ethproofs", Kind: contract.EventProved, State: "superseded"}}, ReportedProof{}},
		"of another phase":         {[]Report{{Reporter: "ethproofs", Kind: contract.EventQueued, State: ReportSent, Facts: map[string]string{contract.FactOutcome: contract.OutcomeAccepted}}}, ReportedProof{}},
	} {
		if got := Proof(c.reports); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
