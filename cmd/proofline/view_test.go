package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares a text with testdata/<name>.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got):\n%s", path, diff)
	}
}

var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// doneJob returns a block that is done in every stage.
func doneJob(number uint64) status.Job {
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	return status.Job{
		ID: "1-24647140-0a0b0c0d", Block: contract.Block{ChainID: 1, Number: number, Hash: contract.Hash{10, 11, 12, 13}, Time: began},
		Origin: "selected", State: status.JobDone, Announced: "proved", Created: began, Finished: at(19_500),
		Stages: []status.JobStage{
			{Stage: "source", Kind: contract.KindSource, State: "done", Attempt: 1, Started: at(3), Ended: at(245),
				Facts:   map[string]string{contract.FactTxCount: "107", contract.FactGasUsed: "9034512"},
				Outputs: []contract.Artifact{{Name: "block.json", Size: 123_456}, {Name: "witness.json", Size: 5_712_345}}},
			{Stage: "input", Kind: contract.KindBuilder, State: "done", Attempt: 1, Started: at(250), Ended: at(262), WorkTime: 11 * time.Millisecond,
				Outputs: []contract.Artifact{{Name: "input.bin", Size: 3_801_112}}},
			{Stage: "prove", Kind: contract.KindProver, State: "done", Attempt: 2, Started: at(2_000), Ended: at(19_070), WorkTime: 16_950 * time.Millisecond,
				Outputs: []contract.Artifact{{Name: "vadcop_final_proof.compressed.bin", Size: 282_000, Role: "proof"}}, Error: "cuda out of memory\n  at line 7"},
		},
		Reports: []status.Report{
			{Reporter: "ethproofs", Kind: contract.EventQueued, State: "sent", Tries: 1, At: at(300), Facts: map[string]string{"cluster_version": "12", contract.FactOutcome: contract.OutcomeAccepted}},
			{Reporter: "ethproofs", Kind: contract.EventProved, State: "sent", Tries: 3, At: at(19_400), Error: "503"},
			{Reporter: "slack", Kind: contract.EventAccepted, State: "waiting"},
		},
	}
}

func jobs() []status.Job {
	failed := doneJob(24647240)
	failed.State, failed.Reason = status.JobFailed, "prover-zisk: the guest rejects the block: invalid state root"
	failed.Stages = failed.Stages[:2]
	failed.Stages[1].Ended = time.Time{}
	failed.Reports = nil
	running := doneJob(24647340)
	running.State, running.Stage, running.Finished = status.JobRunning, "prove", time.Time{}
	running.Stages[2] = status.JobStage{Stage: "prove", Kind: contract.KindProver, State: "running", Attempt: 1, Started: began}
	running.Reports = []status.Report{{Reporter: "ethproofs", Kind: contract.EventQueued, State: "rejected", Tries: 1}}
	unknown := status.Job{Block: contract.Block{Number: 24647440, Hash: contract.Hash{1}}, State: status.JobWaiting, Stage: "source", Created: began}
	return []status.Job{doneJob(24647140), failed, running, unknown}
}

func snapshot() status.Snapshot {
	list := jobs()
	list[3].NotBefore = began.Add(90 * time.Second)
	return status.Snapshot{
		Time: began.Add(time.Minute), Pipeline: "mainnet", PID: 4711, Started: began.Add(-26 * time.Hour), Head: 24647512,
		Counts: status.Counts{Active: 2, Done: 120, Failed: 1},
		Stages: []status.Stage{
			{Name: "source", Kind: contract.KindSource, Plugin: "source-rpc", Version: "0.1.0", PID: 4720, State: status.StageUnavailable,
				Restarts: 1, Queue: []uint64{24647440}, Processed: 121, Error: "the node does not answer"},
			{Name: "prove", Kind: contract.KindProver, Plugin: "prover-zisk", Version: "0.1.0", PID: 4722, State: status.StageReady, MakesProof: true, Processed: 120, Failed: 2,
				Note: "cargo-zisk 0.16.1", Running: []status.Attempt{{Number: 24647340, Attempt: 2, Since: began.Add(-time.Hour), Phase: "GENERATING_PROOFS", Fraction: 0.42, Stuck: true}}},
			{Name: "ethproofs", Kind: contract.KindReporter, Plugin: "reporter-ethproofs", Version: "0.1.0", State: status.StageStarting, Paused: "401 Unauthorized"},
		},
		Jobs: list[2:], Recent: list[:2],
	}
}

func TestViews(t *testing.T) {
	now := began.Add(time.Minute)
	t.Setenv("TZ", "UTC")
	time.Local = time.UTC
	for name, write := range map[string]func(*bytes.Buffer) error{
		"jobs.txt":     func(b *bytes.Buffer) error { return jobsTable(jobs(), now).write(b) },
		"job.txt":      func(b *bytes.Buffer) error { return writeJob(b, jobs()[0], now, false) },
		"waiting.txt":  func(b *bytes.Buffer) error { return writeJob(b, jobs()[3], now, false) },
		"snapshot.txt": func(b *bytes.Buffer) error { return writeSnapshot(b, snapshot(), false) },
		"stopped.txt": func(b *bytes.Buffer) error {
			return writeSnapshot(b, status.Snapshot{Time: now, Pipeline: "mainnet", Trouble: "checkpoint.db: no space left on device"}, true)
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
	}
}

func TestSpansAndSizes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0ms", 11*time.Millisecond + 900*time.Microsecond: "11ms", 999 * time.Millisecond: "999ms",
		1234 * time.Millisecond: "1.23s", 17070 * time.Millisecond: "17.1s", 63 * time.Second: "1m03s",
		3*time.Hour + 7*time.Minute: "3h07m", 200 * time.Hour: "8d08h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 5_712_345: "5.7 MB", 2_345_000_000: "2.35 GB"} {
		if got := size(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
