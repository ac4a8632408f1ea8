package offline

import (
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestFarAboveTheHead checks that a number far above the head is refused when it is added,
// and that a number which may exist at the next run is accepted.
func TestFarAboveTheHead(t *testing.T) {
	p := stopped(t)
	store, err := OpenCheckpoint(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	seen := record.Cursor{Stage: p.Stages[0].Name, Head: 24_000_000, Updated: time.Now().Add(-time.Hour)}
	if err := store.Commit(record.Change{Cursor: &seen}); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	results, err := Open(p).AddBlocks(t.Context(), []uint64{24_000_001, 24_050_000, 240_000_000})
	if err != nil {
		t.Fatal(err)
	}
	for i, added := range []bool{true, true, false} {
		if results[i].Added != added {
			t.Errorf("%+v", results[i])
		}
	}
	if !strings.Contains(results[2].Outcome, "refused") || !strings.Contains(results[2].Outcome, "24000000") {
		t.Errorf("%+v", results[2])
	}
}

// TestStatusAfterTheLastRun checks that the counts without a host are those of the last run.
func TestStatusAfterTheLastRun(t *testing.T) {
	p := stopped(t)
	store, err := OpenCheckpoint(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := store.Begin(record.Run{ID: "r", Started: began}); err != nil {
		t.Fatal(err)
	}
	for i, state := range []status.JobState{status.JobDone, status.JobDone, status.JobFailed} {
		rec := record.New(contract.Block{ChainID: 1, Number: uint64(1000 + i)}, record.Selected, began)
		rec.State, rec.Finished = state, began.Add(time.Second)
		if err := store.Commit(record.Change{Jobs: []*record.Job{rec}}); err != nil {
			t.Fatal(err)
		}
	}
	// While the host holds the checkpoint but does not answer, a copy is read.
	frozen, err := OpenCopy(p)
	if err != nil {
		t.Fatal(err)
	}
	if jobs, err := frozen.ShowBlock(t.Context(), 1000); err != nil || len(jobs) != 1 {
		t.Errorf("the copy: %+v, %v", jobs, err)
	}
	if err := frozen.Close(); err != nil {
		t.Error(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	var o control.Pipeline = Open(p)
	snap, err := o.Snapshot(t.Context())
	if err != nil || snap.Counts.Done != 2 || snap.Counts.Failed != 1 || !snap.Started.Equal(began) {
		t.Errorf("%+v, began %v, %v", snap.Counts, snap.Started, err)
	}
}
