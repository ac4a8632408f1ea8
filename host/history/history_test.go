package history

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestListAndShow checks the order, the selection and the reports of lists. A finished job
// whose shadow still works is listed once, as finished.
func TestListAndShow(t *testing.T) {
	store, err := checkpoint.Open(filepath.Join(t.TempDir(), "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	file := &pipeline.Pipeline{Stages: []pipeline.Stage{
		{Name: "source", Kind: contract.KindSource}, {Name: "prove", Kind: contract.KindProver}, {Name: "unknown"}, {Name: "slack", Kind: contract.KindReporter},
	}}
	stages := Stages(file)
	if len(stages) != 3 || stages[1].Name != "prove" || stages[2].Name != "unknown" {
		t.Fatalf("stages %+v", stages)
	}
	now := time.Now()
	add := func(number uint64, fork byte, state status.JobState, shadow bool) string {
		t.Helper()
		block := contract.Block{ChainID: 1, Number: number, Hash: contract.Hash{fork, byte(number)}}
		rec := record.New(block, record.Selected, now)
		rec.Stages["prove"] = record.Stage{State: record.StageWaiting, Shadow: shadow}
		if rec.State = state; state.Finished() {
			rec.Finished = now.Add(time.Duration(number) * time.Second)
			if !shadow {
				rec.Stages["prove"] = record.Stage{State: record.StageDone}
			}
		}
		event := record.Event{Reporter: "slack", Kind: contract.EventFailed, Job: rec.ID, Block: &block, At: now, Expires: now.Add(time.Hour)}
		if err := store.Commit(record.Change{Jobs: []*record.Job{rec}, Events: []record.Event{event}}); err != nil {
			t.Fatal(err)
		}
		return rec.ID
	}
	add(5, 0, status.JobDone, false)
	add(9, 0, status.JobWaiting, false)
	add(7, 0, status.JobDone, true)
	add(8, 0, status.JobFailed, false)
	orphan, kept := add(6, 1, status.JobCancelled, false), add(6, 2, status.JobDone, false)

	for _, c := range []struct {
		query control.Query
		want  []uint64
	}{
		{control.Query{}, []uint64{9, 8, 7, 6, 6, 5}},
		{control.Query{Limit: 3}, []uint64{9, 8, 7}},
		{control.Query{States: []status.JobState{status.JobDone}}, []uint64{7, 6, 5}},
		{control.Query{States: []status.JobState{status.JobDone}, Limit: 1}, []uint64{7}},
		{control.Query{States: []status.JobState{status.JobRunning}}, nil},
	} {
		jobs, err := List(store, stages, c.query)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, j := range jobs {
			got = append(got, j.Block.Number)
			if len(j.Reports) != 1 || j.Reports[0].Reporter != "slack" {
				t.Errorf("%+v: block %d has the reports %+v", c.query, j.Block.Number, j.Reports)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.query, got, c.want)
		}
	}
	shown, err := Show(store, stages, 6)
	if err != nil || len(shown) != 2 || !slices.ContainsFunc(shown, func(j status.Job) bool { return j.ID == orphan && j.State == status.JobCancelled }) ||
		!slices.ContainsFunc(shown, func(j status.Job) bool { return j.ID == kept && len(j.Reports) == 1 }) {
		t.Errorf("%+v, %v", shown, err)
	}
	if none, err := Show(store, stages, 1); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	recent, err := Recent(store, stages)
	if err != nil || len(recent) == 0 || recent[0].Block.Number != 8 || len(recent[0].Reports) != 1 {
		t.Errorf("%+v, %v", recent, err)
	}
	if standing := NoRecord(file, now); standing.Week.Blocks != 0 {
		t.Errorf("%+v", standing)
	}
}
