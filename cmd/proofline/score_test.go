package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/score"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// midweek is a Wednesday.
var midweek = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// standing returns the score of 400 blocks. 300 of them were fast, and one of twenty was
// announced and not proved.
func standing() score.Report {
	r := score.Record{Pipeline: "mainnet", Targets: contract.Selection{Every: 1}, Followed: midweek, Unsent: map[string]int{"ethproofs": 2}}
	for i := range 400 {
		b := score.Block{Number: uint64(i), Time: midweek.Add(-21*time.Minute - time.Duration(i)*12*time.Second), Announced: true, Report: score.Accepted, ProvingMS: 9_999}
		if i%20 == 19 {
			b.Report = score.Unsent
		}
		if i%20 >= 15 {
			b.ProvingMS = 10_000
		}
		r.Blocks = append(r.Blocks, b)
	}
	return score.Judge(r, midweek)
}

func TestWriteScore(t *testing.T) {
	var b strings.Builder
	if err := writeScore(&b, standing(), false); err != nil {
		t.Fatal(err)
	}
	const want = `mainnet: 1:1 cohort, proving time below 10,000 ms

                LAST 7 DAYS  LAST 24 HOURS  SINCE MONDAY  BAR
performance    75.00% (300)   75.00% (300)  75.00% (300)  70% reached
liveness       95.00% (380)   95.00% (380)  95.00% (380)  95% reached
stunners        20.00% (80)    20.00% (80)   20.00% (80)
paralyzers       5.00% (20)     5.00% (20)    5.00% (20)
offline           0.00% (0)      0.00% (0)     0.00% (0)
target blocks           400            400           400
still open                0              0             0

by Monday 2026-11-30 00:00 UTC, if all goes on as in the last 24 hours, 32,904 blocks:
  performance   75.00%  70% reached; 9,771 more may be slow or unproved
  liveness      95.00%  95% reached; 1,625 more may stay unproved

ethproofs has not taken 2 proofs yet
note: shares are of the pipeline's own target blocks; EthProofs counts only blocks that somebody has proved
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
}

// TestScoreWithoutHost: without a host the same numbers come from the checkpoint. There are
// none for a pipeline that has never run.
func TestScoreWithoutHost(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("pipeline.yaml", []byte("version: 1\nname: x\nselect: {every: 10}\nstages:\n  - {name: source, plugin: gone}\n  - {name: report, plugin: gone}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := execute(t, "score")
	if code != 0 || !strings.Contains(stdout, "x: 1:10 cohort, proving time below 120,000 ms") || !strings.Contains(stdout, "note: the record holds no target block") {
		t.Errorf("before the first run: %d %q %q", code, stdout, stderr)
	}
	store, err := checkpoint.Open(filepath.Join("data", "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var change record.Change
	for i := range 5 {
		rec := record.New(contract.Block{ChainID: 1, Number: uint64(10 * i), Hash: contract.Hash{byte(i)}, Time: now.Add(-time.Hour)}, record.Selected, now)
		rec.State, rec.Finished = status.JobDone, now
		proof := record.Stage{State: record.StageDone, Phase: contract.EventProved, Announced: contract.EventProved, ProvingMS: 119_999}
		if i == 4 {
			rec.State = status.JobFailed
			proof = record.Stage{State: record.StageFailed, Phase: contract.EventProving, Announced: contract.EventProving}
		}
		rec.Stages["prove"] = proof
		change.Jobs = append(change.Jobs, rec)
	}
	change.Events = []record.Event{{Reporter: "report", Kind: contract.EventProved, At: now, Expires: now.Add(time.Hour)}}
	change.Cursor = &record.Cursor{Stage: "source", Updated: now.Add(-time.Hour)}
	if err := store.Commit(change); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = execute(t, "score")
	for _, want := range []string{"80.00% (4)", "80% reached", "20.00% (1)", "report has not taken 1 proof yet", fmt.Sprintf("until %s", now.Add(-time.Hour).UTC().Format(time.DateTime))} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s%s", want, stdout, stderr)
		}
	}
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
}
