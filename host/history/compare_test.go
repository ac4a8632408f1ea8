package history

import (
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// proof is what a stage has done for a job; ms 0 is a failure.
func proof(stage, fingerprint string, ms int64) status.JobStage {
	if ms == 0 {
		return status.JobStage{Stage: stage, Fingerprint: fingerprint, State: string(record.StageFailed)}
	}
	return status.JobStage{Stage: stage, Fingerprint: fingerprint, State: string(record.StageDone), ProvingMS: ms,
		Facts: map[string]string{contract.FactCycles: "1000"}, Outputs: []contract.Artifact{{Size: 7}, {Size: 300, Role: contract.RoleProof}}}
}

// TestCompareInPairs checks that ratios use only the blocks that both have proved, and that
// the other figures of a prover use all its blocks.
func TestCompareInPairs(t *testing.T) {
	var jobs []status.Job
	for i, ms := range [][2]int64{{1000, 2000}, {2000, 4000}, {3000, 9000}, {4000, 0}, {0, 1}} {
		gas := uint64(i+1) * 1_000_000
		jobs = append(jobs, status.Job{Block: contract.Block{Number: uint64(i), GasUsed: gas},
			Stages: []status.JobStage{proof("prove", "aa11", ms[0]), proof("next", "bb22", ms[1])}})
	}
	c := Compare(jobs, ParseProver("prove"), ParseProver("next@bb"))
	if c.Pairs != 3 || len(c.Blocks) != 3 || c.MedianRatio != 2 || c.P95Ratio != 3 {
		t.Errorf("%d pairs, ratios %v and %v: %+v", c.Pairs, c.MedianRatio, c.P95Ratio, c.Blocks)
	}
	want := Side{Prover: "prove", Proofs: 4, Failures: 1, Median: 2 * time.Second, P95: 4 * time.Second, Cycles: 1000, ProofBytes: 300, PerMgas: time.Second}
	if c.A != want {
		t.Errorf("%+v, want %+v", c.A, want)
	}
	if c.B.Prover != "next@bb" || c.B.Proofs != 4 || c.B.Failures != 1 {
		t.Errorf("%+v", c.B)
	}
	if p := c.Blocks[2]; p.Number != 2 || p.GasUsed != 3_000_000 || p.A != 3*time.Second || p.B != 9*time.Second {
		t.Errorf("%+v", p)
	}
	for _, part := range []string{"next@bb takes 2.00 × the time of prove", "median of 3 blocks that both have proved", "that is few", "prove failed 1 times, next@bb 1 times"} {
		if !strings.Contains(c.Verdict, part) {
			t.Errorf("the verdict is %q, want %q in it", c.Verdict, part)
		}
	}
}

// TestCompareWithoutPairs checks that the medians of two fingerprints of one stage are
// compared, which have no block in common, and that there is no verdict without proofs.
func TestCompareWithoutPairs(t *testing.T) {
	var jobs []status.Job
	for i := range 50 {
		fingerprint, ms := "old", int64(4000)
		if i >= 25 {
			fingerprint, ms = "new", 1000
		}
		jobs = append(jobs, status.Job{Stages: []status.JobStage{proof("prove", fingerprint, ms)}})
	}
	c := Compare(jobs, ParseProver("prove@old"), ParseProver("prove@new"))
	if c.Pairs != 0 || c.MedianRatio != 0.25 || c.A.PerMgas != 0 || !strings.Contains(c.Verdict, "medians of 25 and 25 proofs of different blocks") ||
		!strings.Contains(c.Verdict, "neither has failed") || strings.Contains(c.Verdict, "few") {
		t.Errorf("%+v", c)
	}
	c = Compare(jobs, ParseProver("prove"), ParseProver("gate"))
	if c.MedianRatio != 0 || c.Verdict != "nothing to compare yet: prove has 50 proofs, gate has 0" {
		t.Errorf("%+v", c)
	}
	for i := range jobs {
		jobs[i].Stages = append(jobs[i].Stages, status.JobStage{Stage: "gate", State: string(record.StageDone)})
	}
	c = Compare(jobs, ParseProver("prove"), ParseProver("gate"))
	if c.Verdict != "nothing to compare: gate makes no proof, it has done 50 blocks without one" {
		t.Errorf("%+v", c)
	}
}

// TestReportOfAProof checks that the best outcome of any reporter counts, and that the
// outcomes of other phases do not.
func TestReportOfAProof(t *testing.T) {
	by := func(reporter string, r status.Report) status.Report {
		r.Reporter = reporter
		return r
	}
	report := func(kind contract.EventKind, state record.Outcome, outcome string) status.Report {
		return status.Report{Kind: kind, State: string(state), Facts: map[string]string{contract.FactOutcome: outcome}}
	}
	proved := contract.EventProved
	rejected := report(proved, record.Rejected, "")
	waiting := status.Report{Kind: proved, State: "waiting"}
	for _, c := range []struct {
		want    string
		reports []status.Report
	}{
		{"dry run", nil},
		{"dry run", []status.Report{report(contract.EventQueued, record.Sent, contract.OutcomeAccepted)}},
		{"", []status.Report{waiting}},
		{"accepted", []status.Report{waiting, rejected, report(proved, record.Sent, contract.OutcomeAccepted)}},
		{"accepted", []status.Report{report(proved, record.Sent, contract.OutcomeAcceptedBefore), rejected}},
		{"rejected", []status.Report{report(proved, record.Sent, contract.OutcomeDryRun), rejected}}, // later
		{"dry run", []status.Report{rejected, report(proved, record.Sent, "")}},
		{"rejected", []status.Report{by("ethproofs", rejected), by("slack", report(proved, record.Sent, ""))}},
		{"rejected", []status.Report{by("slack", report(proved, record.Sent, "")), by("ethproofs", rejected)}},
		{"", []status.Report{by("slack", report(proved, record.Sent, "")), by("ethproofs", waiting)}},
		{"dry run", []status.Report{by("slack", rejected), by("ethproofs", report(proved, record.Sent, contract.OutcomeDryRun))}},
		{"", []status.Report{rejected, waiting}},
		{"", []status.Report{report(proved, record.Sent, contract.OutcomeProvedElsewhere)}},
		{"", []status.Report{report(proved, record.Sent, contract.OutcomeSkipped)}},
	} {
		if got := reported(c.reports); string(got) != c.want {
			t.Errorf("%+v came to %q, want %q", c.reports, got, c.want)
		}
	}
}
