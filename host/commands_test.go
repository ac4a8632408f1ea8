package host

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestCommandsOfARunningHost checks that commands through the socket are carried out, by the
// snapshot, the reporters and the checkpoint.
func TestCommandsOfARunningHost(t *testing.T) {
	t.Parallel()
	r := newRig(t, whole)
	r.p.Select.Targets.Every = 0 // nothing but what is asked for
	r.order("source", "health", "the node is away")
	run := r.start(Options{})
	c := run.client()
	ends := func(number uint64) (j status.Job) {
		t.Helper()
		r.until("the job ends", func() bool { j = job(t, c, number); return j.ID != "" && j.State.Finished() })
		return j
	}
	told := func(reporter string, kind contract.EventKind, number uint64) int {
		return len(slices.DeleteFunc(r.heard(reporter), func(h heard) bool { return h.Kind != kind || h.Number != number }))
	}

	snap, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snap.Pipeline != "test" || snap.Version != "0.0.1-test" || snap.PID != os.Getpid() || len(snap.Stages) != len(r.p.Stages) {
		t.Errorf("snapshot %+v", snap)
	}
	for i, s := range snap.Stages {
		if s.Name != r.p.Stages[i].Name || s.Version != "1.0.0" || s.PID == 0 || s.MakesProof != (s.Name == "prove") {
			t.Errorf("stage %d is %+v", i, s)
		}
	}

	// A stage that is down is shown, and works again by itself.
	state := func() status.Stage {
		snap, err := c.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return snap.Stages[0]
	}
	r.until("the source is unavailable", func() bool { return state().State == status.StageUnavailable })
	if s := state(); s.Error != "the node is away" {
		t.Errorf("%+v", s)
	}
	r.release("source", "health")
	r.until("the source is ready", func() bool { return state().State == status.StageReady })

	// Add: done, refused by its prover, held by its prover, and unknown.
	r.order("prove", "11", "permanent the block is cursed")
	r.order("prove", "12", "hold")
	r.order("second", "proved-10", "permanent there is no such block")
	added, err := c.AddBlocks(t.Context(), []uint64{10, 11, 2000})
	if err != nil || len(added) != 3 || !added[0].Added || !added[1].Added || added[2].Added || added[2].Outcome != "no such block" {
		t.Fatalf("added %+v, %v", added, err)
	}
	if j := ends(10); j.State != status.JobDone {
		t.Errorf("block 10 is %s: %s", j.State, j.Reason)
	}
	if j := ends(11); j.State != status.JobFailed || !strings.Contains(j.Reason, "the block is cursed") {
		t.Errorf("block 11 is %s: %s", j.State, j.Reason)
	}
	if again, err := c.AddBlocks(t.Context(), []uint64{10}); err != nil || again[0].Added || !strings.Contains(again[0].Outcome, "finished") {
		t.Errorf("added again %+v, %v", again, err)
	}

	// What one reporter's other side rejects, the other reporter tells.
	r.until("the rejection is told", func() bool { return told("first", contract.EventReporterRejected, 10) > 0 })
	var outcome status.Report
	r.until("both reports of the proof are settled", func() bool {
		for _, report := range job(t, c, 10).Reports {
			if report.Kind == contract.EventProved && report.Reporter == "second" {
				outcome = report
			}
		}
		return outcome.State == string(record.Rejected)
	})
	if !strings.Contains(outcome.Error, "there is no such block") {
		t.Errorf("rejected because %q", outcome.Error)
	}

	// Skip.
	if _, err := c.AddBlocks(t.Context(), []uint64{12}); err != nil {
		t.Fatal(err)
	}
	r.until("the proof of block 12 is begun", func() bool { return slices.Contains(r.noted("prove", "held"), "12") })
	if jobs, err := c.Blocks(t.Context(), control.Query{States: []status.JobState{status.JobRunning}}); err != nil || len(jobs) != 1 || jobs[0].Block.Number != 12 {
		t.Errorf("running are %+v, %v", jobs, err)
	}
	if err := c.Skip(t.Context(), job(t, c, 12).ID); err != nil {
		t.Error(err)
	}
	if j := ends(12); j.State != status.JobCancelled && j.State != status.JobFailed {
		t.Errorf("the skipped block is %s", j.State)
	}
	if err := c.Skip(t.Context(), "1-77-00000000"); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("skip of an unknown job: %v", err)
	}

	// Retry: only what failed is done again.
	r.release("prove", "11")
	if err := c.Retry(t.Context(), control.RetryRequest{Job: job(t, c, 11).ID}); err != nil {
		t.Fatal(err)
	}
	r.until("the retried block is done", func() bool { return job(t, c, 11).State == status.JobDone })
	for _, s := range job(t, c, 11).Stages {
		if want := map[string]uint32{"prove": 2}[s.Stage]; s.Attempt != max(want, 1) {
			t.Errorf("%s took %d attempts at block 11", s.Stage, s.Attempt)
		}
	}

	// Prove: the prover gets the operator's input, and no other stage works.
	input := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(input, []byte("what the operator made"), 0o600); err != nil {
		t.Fatal(err)
	}
	if result, err := c.ProveBlock(t.Context(), control.ProveRequest{Number: 13, Input: input}); err != nil || !result.Added {
		t.Fatalf("%+v, %v", result, err)
	}
	if j := ends(13); j.State != status.JobDone || j.Origin != record.Given {
		t.Errorf("block 13 is %s by %s", j.State, j.Origin)
	}
	r.until("the proof of block 13 is published", func() bool { return r.published("13/proof.bin") != "" })
	if proof := r.published("13/proof.bin"); proof != "proof of what the operator made" {
		t.Errorf("the proof of block 13 is %q", proof)
	}

	// Report: once more, to the one named.
	r.until("the proof of block 13 was told", func() bool {
		return told("first", contract.EventProved, 13) > 0 && told("second", contract.EventProved, 13) > 0
	})
	if n, err := c.Report(t.Context(), job(t, c, 13).ID, "first"); err != nil || n != 1 {
		t.Errorf("%d reports, %v", n, err)
	}
	r.until("it was told again", func() bool { return told("first", contract.EventProved, 13) == 2 })
	if n := told("second", contract.EventProved, 13); n != 1 {
		t.Errorf("the other reporter was told %d times", n)
	}

	if standing, err := c.Score(t.Context()); err != nil || standing.Pipeline != "test" {
		t.Errorf("score %+v, %v", standing, err)
	}

	// Backup, directly and as proofline db does it.
	if err := c.Backup(t.Context(), "relative"); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("backup to a relative path: %v", err)
	}
	if err := c.Backup(t.Context(), input); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("backup over a file: %v", err)
	}
	if report, err := offline.CheckCheckpoint(t.Context(), r.p.Data); err != nil || len(report.Problems) > 0 {
		t.Errorf("check %+v, %v", report, err)
	}
	copied, err := offline.BackUpCheckpoint(t.Context(), r.p.Data, filepath.Join(r.dir, "copy.db"), snap.Time)
	if err != nil || len(copied.Problems) > 0 {
		t.Errorf("backup %+v, %v", copied, err)
	}
	if _, _, _, err := offline.CompactCheckpoint(r.p.Data); !errors.Is(err, checkpoint.ErrInUse) {
		t.Errorf("compact while a host runs: %v", err)
	}

	run.soft()
	if _, err := run.wait(); err != nil {
		t.Error(err)
	}
	if told("second", contract.EventReporterRejected, 10) > 0 {
		t.Error("the alert about a reporter went through it")
	}
	r.wantGone()
	backup, err := checkpoint.OpenReadOnly(copied.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Close()
	if rec, err := backup.Job("1-13-0d00aa00"); err != nil || rec.State != status.JobDone {
		t.Errorf("the backup holds %+v, %v", rec, err)
	}
}
