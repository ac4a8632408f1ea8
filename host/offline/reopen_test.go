package offline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/engine"
	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// Sizes of the checkpoint of the benchmarks. A pipeline that proves every hundredth block of
// mainnet has as many jobs after four years.
const (
	pastBlocks   = 100_000
	activeBlocks = 50
)

var benchNames = []engine.StageRef{
	{Name: "source", Kind: contract.KindSource}, {Name: "input", Kind: contract.KindBuilder},
	{Name: "check", Kind: contract.KindProver}, {Name: "prove", Kind: contract.KindProver},
}

// past returns a finished job as large as that of a real pipeline, with four stages and
// their outputs and facts.
func past(n uint64, state status.JobState, at time.Time) *record.Job {
	block := contract.Block{
		ChainID: 1, Number: 24_000_000 + 100*n, Hash: contract.Hash{byte(n), byte(n >> 8), byte(n >> 16), 1}, ParentHash: contract.Hash{2, byte(n)},
		Time: at, GasUsed: 31_204_551, TxCount: 184,
	}
	j := record.New(block, record.Selected, at)
	j.State = state
	outputs := map[string][]string{"source": {"block.json", "witness.json"}, "input": {"input.bin"}, "check": {"execution.json"}, "prove": {"result.json", "vadcop_final_proof.compressed.bin"}}
	facts := map[string]map[string]string{
		"source": {"gas_used": "31204551", "tx_count": "184"}, "input": {"input_bytes": "4123889", "witness_bytes": "31223344", "format": "g4"},
		"check": {"state_root": "0x7f1e0d2c3b4a59687f1e0d2c3b4a59687f1e0d2c3b4a59687f1e0d2c3b4a5968", "gas_used": "31204551"},
		"prove": {"cycles": "1234567890", "proving_time_ms": "184223", "proof_bytes": "241664", "verifier_id": "zisk-0.16.1", "work_time": "184.2"},
	}
	for i, s := range benchNames {
		if !state.Finished() && i > 1 {
			j.Stages[s.Name] = record.Stage{State: record.StageWaiting}
			continue
		}
		r := record.Stage{
			Fingerprint: "0123456789abcdef0123456789abcdef", State: record.StageDone, Attempt: 1, Facts: facts[s.Name],
			Started: at.Add(time.Duration(i) * time.Second), Ended: at.Add(time.Duration(i+1) * time.Second), WorkTime: 913 * time.Millisecond,
		}
		for _, name := range outputs[s.Name] {
			r.Outputs = append(r.Outputs, contract.Artifact{
				Name: name, Path: fmt.Sprintf("attempts/%s/%s-1/out/%s", j.ID, s.Name, name), Size: 4_123_889, SHA256: [32]byte{byte(n), 1, 2, 3},
			})
		}
		j.Stages[s.Name] = r
	}
	if state.Finished() {
		proof := j.Stages["prove"]
		proof.Announced, proof.Phase = contract.EventProved, contract.EventProved
		j.Stages["prove"] = proof
		j.Finished = at.Add(10 * time.Second)
	}
	return j
}

// longPast makes the data directory of a killed host, with the jobs and a run without an
// end.
func longPast(b *testing.B) (dir string) {
	b.Helper()
	dir = b.TempDir()
	store, err := OpenCheckpoint(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	if err := fill(store, 0, pastBlocks); err != nil {
		b.Fatal(err)
	}
	var change record.Change
	for n := range uint64(activeBlocks) {
		change.Jobs = append(change.Jobs, past(pastBlocks+n, status.JobRunning, time.Now()))
	}
	change.Cursor = &record.Cursor{Stage: "source", Cursor: make([]byte, 3000), Head: 34_000_000, Updated: time.Now()}
	if err := store.Commit(change); err != nil {
		b.Fatal(err)
	}
	if _, err := store.Begin(record.Run{ID: "01", PID: 1, Started: time.Now()}); err != nil {
		b.Fatal(err)
	}
	return dir
}

// fill writes finished jobs.
func fill(store *checkpoint.Store, from, to uint64) error {
	const batch = 500
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := from; n < to; n += batch {
		var change record.Change
		for i := n; i < min(n+batch, to); i++ {
			state := status.JobDone
			if i%500 == 0 {
				state = status.JobFailed
			}
			j := past(i, state, began.Add(time.Duration(i)*20*time.Minute))
			change.Jobs = append(change.Jobs, j)
		}
		if err := store.Commit(change); err != nil {
			return err
		}
	}
	return nil
}

// idle is a worker without work.
type idle struct{}

func (idle) Ready(context.Context) error { return nil }

func (idle) Do(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
	return contract.Result{}, nil
}

func (idle) Poll(context.Context, contract.PollRequest) (contract.PollResponse, error) {
	return contract.PollResponse{}, nil
}

func (idle) Resolve(context.Context, []uint64) ([]contract.Resolution, error) { return nil, nil }

func benchEngine(b *testing.B, store *checkpoint.Store, files *artifact.Store) *engine.Engine {
	config := engine.Config{Pipeline: "bench", Selection: selection.Selection{Order: selection.NewestFirst}}
	for i, s := range benchNames {
		var needs []string
		if i > 0 {
			needs = []string{benchNames[i-1].Name}
		}
		config.Stages = append(config.Stages, engine.StageConfig{
			Needs: needs,
			Name:  s.Name, Kind: s.Kind, MakesProof: s.Name == "prove", Fingerprint: "0123456789abcdef0123456789abcdef", Worker: idle{},
		})
	}
	e, err := engine.New(config, store, files)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchmarkReopen measures what a host does with its checkpoint after kill -9 until its
// stages can claim work, with 100,000 finished jobs and 50 that were running.
func BenchmarkReopen(b *testing.B) {
	dir := longPast(b)
	files, err := artifact.Open(dir, filepath.Join(dir, "output"))
	if err != nil {
		b.Fatal(err)
	}
	var took time.Duration
	for b.Loop() {
		began := time.Now()
		store, err := OpenCheckpoint(dir)
		if err != nil {
			b.Fatal(err)
		}
		e := benchEngine(b, store, files)
		if n := len(e.Snapshot().Jobs); n != activeBlocks {
			b.Fatalf("%d jobs are at work", n)
		}
		took = max(took, time.Since(began))
		store.Close()
	}
	b.ReportMetric(took.Seconds(), "s/slowest")
	info, err := os.Stat(CheckpointPath(dir))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB")
	b.ReportMetric(float64(info.Size())/pastBlocks, "B/block")
}

// BenchmarkQueries measures the queries of commands and the monitor with many past jobs.
func BenchmarkQueries(b *testing.B) {
	dir := longPast(b)
	store, err := OpenCheckpoint(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	files, err := artifact.Open(dir, filepath.Join(dir, "output"))
	if err != nil {
		b.Fatal(err)
	}
	e := benchEngine(b, store, files)
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"snapshot", func() error { e.Snapshot(); return nil }},
		{"recent50", func() error { _, err := store.Recent(50); return err }},
		{"failed50", func() error {
			_, err := history.List(store, benchNames, control.Query{Limit: 50, States: []status.JobState{status.JobFailed}})
			return err
		}},
		{"cancelledAll", func() error {
			_, err := history.List(store, benchNames, control.Query{States: []status.JobState{status.JobCancelled}})
			return err
		}},
		{"show", func() error { _, err := history.Show(store, benchNames, 24_000_000+100*777); return err }},
		{"releasable", func() error { _, err := store.Releasable([]string{"1-24000000-00000001"}, time.Unix(1, 0)); return err }},
		{"outbox", func() error { _, err := store.Outbox("ethproofs"); return err }},
		{"pruneNothing", func() error { _, err := store.Prune(time.Unix(1, 0), time.Unix(1, 0), 500); return err }},
		{"commit", func() error {
			return store.Commit(record.Change{Jobs: []*record.Job{past(5, status.JobDone, time.Unix(1767225600, 0))}})
		}},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if err := q.ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheck measures proofline db check of the same file.
func BenchmarkCheck(b *testing.B) {
	dir := longPast(b)
	for b.Loop() {
		report, err := CheckCheckpoint(b.Context(), dir)
		if err != nil || len(report.Problems) > 0 {
			b.Fatal(report.Problems, err)
		}
	}
}
