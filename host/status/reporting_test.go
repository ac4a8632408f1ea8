package status

import (
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

func TestDebts(t *testing.T) {
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
		if got := (Job{State: JobDone, Reports: c.reports}).DebtText(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
