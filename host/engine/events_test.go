package engine

import (
	"maps"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// TestAcceptedOnlyWhereTheOtherSideHasTheProof checks that a delivery counts as accepted
// only by the outcome in the reporter's answer.
func TestAcceptedOnlyWhereTheOtherSideHasTheProof(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	block := testBlock(100, 0)
	others := []Reporter{
		{Name: "slack", Wants: []contract.EventKind{contract.EventFailed, contract.EventAccepted}},
		{Name: "staging", Wants: []contract.EventKind{contract.EventQueued, contract.EventProved}},
		{Name: "hook", Wants: contract.EventKinds(), AllArtifacts: true},
	}
	published := []contract.Artifact{{Name: "proved.json", Path: "attempts/j/events/ethproofs/3-1/out/proved.json"}}
	for _, c := range []struct {
		kind    contract.EventKind
		outcome string
		want    int
	}{
		{contract.EventProved, contract.OutcomeAccepted, 2},
		{contract.EventProved, contract.OutcomeAcceptedBefore, 2},
		{contract.EventProved, "dry run", 0},
		{contract.EventProved, "skipped", 0},
		{contract.EventProved, "", 0}, // a reporter that only passes events on
		{contract.EventQueued, contract.OutcomeAccepted, 0},
		{contract.EventChecked, contract.OutcomeAccepted, 0},
		{contract.EventAccepted, contract.OutcomeAccepted, 0}, // no end otherwise
	} {
		told := record.Event{Reporter: "ethproofs", Kind: c.kind, Job: block.JobID(), Stage: "prove", Block: &block,
			Facts:   map[string]string{contract.FactProvingTimeMS: "8123", contract.FactOutcome: "a stage's own"},
			Outputs: []contract.Artifact{{Name: "proof.bin"}}}
		answer := map[string]string{"proof_id": "7", "cluster_version": "3"}
		if c.outcome != "" {
			answer[contract.FactOutcome] = c.outcome
		}
		events := Accepted(others, "ethproofs", told, answer, published, now)
		if len(events) != c.want {
			t.Errorf("%s with the outcome %q: %d events, want %d", c.kind, c.outcome, len(events), c.want)
		}
		for i, e := range events {
			want := map[string]string{contract.FactProvingTimeMS: "8123", contract.FactOutcome: c.outcome, "proof_id": "7",
				"cluster_version": "3", contract.FactReporter: "ethproofs"}
			if e.Kind != contract.EventAccepted || e.Reporter != []string{"slack", "hook"}[i] || !maps.Equal(e.Facts, want) {
				t.Errorf("%s to %s with %v", e.Kind, e.Reporter, e.Facts)
			}
			if e.Job != block.JobID() || e.Stage != "prove" || e.Block != &block || len(e.Outputs) != i || !e.Expires.Equal(now.Add(alertLife)) {
				t.Errorf("%+v", e)
			}
		}
		if told.Facts[contract.FactOutcome] != "a stage's own" || len(answer) > 3 {
			t.Error("the facts of the event or of the answer were changed")
		}
	}
}
