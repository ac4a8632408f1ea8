package checkpoint

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestJobOfSchema2 checks the migration of records in the JSON of schema 2.
func TestJobOfSchema2(t *testing.T) {
	const proof = `"outputs":[{"name":"proof.bin","role":"` + contract.RoleProof + `"}]`
	for name, c := range map[string]struct {
		old      string
		want     map[string]record.StageState
		announce string // the stage that what was announced belongs to
	}{
		"waiting for its second stage": {
			`{"state":"waiting","stage":"input","not_before":"2026-11-22T12:00:00Z","announced":"queued","stages":{"source":{"done":true},"input":{"attempt":2,"failures":1}}}`,
			map[string]record.StageState{"source": record.StageDone, "input": record.StageWaiting}, "",
		},
		"its stage had not begun": {
			`{"state":"waiting","stage":"input","not_before":"2026-11-22T12:00:00Z","stages":{"source":{"done":true}}}`,
			map[string]record.StageState{"source": record.StageDone, "input": record.StageWaiting}, "",
		},
		"running": {
			`{"state":"running","stage":"prove","announced":"proving","stages":{"input":{"skipped":true},"prove":{"attempt":1,"crashes":2}}}`,
			map[string]record.StageState{"input": record.StageSkipped, "prove": record.StageWaiting}, "",
		},
		"done": {
			`{"state":"done","announced":"proved","proving_time_ms":77,"stages":{"input":{"done":true},"old":{"attempt":1},"prove":{"done":true,` + proof + `}}}`,
			map[string]record.StageState{"input": record.StageDone, "old": record.StageRemoved, "prove": record.StageDone}, "prove",
		},
		"failed": {
			`{"state":"failed","stage":"check","reason":"no","stages":{"input":{"done":true},"check":{"attempt":1},"prove":{"attempt":3}}}`,
			map[string]record.StageState{"input": record.StageDone, "check": record.StageFailed, "prove": record.StageBlocked}, "",
		},
		"an orphan": {
			`{"state":"cancelled","stage":"prove","reason":"orphaned by a reorg","announced":"proving","stages":{"input":{"done":true},"prove":{"attempt":1}}}`,
			map[string]record.StageState{"input": record.StageDone, "prove": record.StageCancelled}, "",
		},
	} {
		var old job2
		if err := json.Unmarshal([]byte(c.old), &old); err != nil {
			t.Fatal(err)
		}
		j := old.upgrade()
		got := map[string]record.StageState{}
		for stage, s := range j.Stages {
			got[stage] = s.State
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		announced, ms := j.Phase, int64(0)
		if c.announce != "" {
			announced, ms = j.Stages[c.announce].Announced, j.Stages[c.announce].ProvingMS
		}
		if announced != old.Announced || ms != old.ProvingMS || c.announce != "" && j.Phase != "" {
			t.Errorf("%s: announced %q in %d ms, job %q", name, announced, ms, j.Phase)
		}
		if j.Orphaned != (name == "an orphan") || name == "failed" && j.Stages["check"].Error != "no" || j.State == status.JobRunning {
			t.Errorf("%s: %+v", name, j)
		}
		if s := j.Stages["input"]; strings.HasPrefix(name, "waiting") && (s.NotBefore.IsZero() || s.Failures != 1) || name == "running" && !j.Stages["prove"].Suspect {
			t.Errorf("%s: %+v", name, j.Stages)
		}
		before := j.State
		if j.Derive(noon); j.State != before {
			t.Errorf("%s: the stages make a job of it that is %s, not %s", name, j.State, before)
		}
	}
}

func TestNotFound(t *testing.T) {
	s := newStore(t)
	if j, err := s.Job("1-1-00000000"); !errors.Is(err, record.ErrNotFound) || j != nil {
		t.Errorf("%v, %v", j, err)
	}
	if c, err := s.Cursor("source"); !errors.Is(err, record.ErrNotFound) || c != nil {
		t.Errorf("%v, %v", c, err)
	}
	if err := s.End("01A", noon); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestLongHistoryPrunesNothing checks times before 1970, and before the first time that can
// be stated in nanoseconds.
func TestLongHistoryPrunesNothing(t *testing.T) {
	s := newStore(t)
	commit(t, s, record.Change{Jobs: []*record.Job{block(1, 0, status.JobDone), block(2, 0, status.JobFailed)}})
	for _, keep := range []time.Duration{876_000 * time.Hour, 1<<63 - 1} {
		for _, now := range []time.Time{noon, time.Unix(0, 0)} {
			before := now.Add(-keep)
			if pruned, err := s.Prune(before, before, 100); err != nil || len(pruned) > 0 {
				t.Errorf("keep %s: pruned %v, %v", keep, pruned, err)
			}
			if since, err := s.FinishedSince(before); err != nil || len(since) != 2 {
				t.Errorf("since %s: %d jobs, %v", before, len(since), err)
			}
		}
	}
	if pruned, err := s.Prune(noon.Add(time.Hour), time.Time{}, 100); err != nil || len(pruned) != 1 {
		t.Errorf("pruned %v, %v; want the done one", pruned, err)
	}
}

// TestRunsAreInOrderWhateverTheClockSays checks that the last run is found after the clock
// was set back, when its id does not sort last.
func TestRunsAreInOrderWhateverTheClockSays(t *testing.T) {
	s := newStore(t)
	for _, id := range []string{"02LATER", "01EARLIER"} {
		if _, err := s.Begin(record.Run{ID: id}); err != nil {
			t.Fatal(err)
		}
		if id == "02LATER" {
			if err := s.End(id, noon); err != nil {
				t.Fatal(err)
			}
		}
	}
	previous, err := s.Begin(record.Run{ID: "00"})
	if err != nil || previous.ID != "01EARLIER" || previous.Seq != 2 || !previous.Stopped.IsZero() {
		t.Errorf("%+v, %v; want the one that crashed", previous, err)
	}
}

// TestBadRequestHidesNoOther checks that a request which cannot be read is named by the
// error and can be removed, and that the others are returned.
func TestBadRequestHidesNoOther(t *testing.T) {
	s := newStore(t)
	requests := make([]record.Request, 1000)
	for i := range requests {
		requests[i] = record.Request{Verb: record.VerbAdd, Number: uint64(i)}
	}
	writes := func() int64 { stats := s.db.Stats(); return stats.TxStats.GetWrite() }
	before := writes()
	if err := s.AddRequests(requests); err != nil {
		t.Fatal(err)
	}
	if n := writes() - before; n > 200 {
		t.Errorf("%d writes for 1000 requests", n)
	}
	if err := s.raw(bucketRequests, string(be8(7)), `{"number":"seven"}`); err != nil {
		t.Fatal(err)
	}
	found, err := s.Requests()
	bad, ok := errors.AsType[*RequestError](err)
	if len(found) != 999 || !ok || bad.ID != 7 {
		t.Fatalf("%d requests, %v", len(found), err)
	}
	if err := s.DropRequests([]uint64{bad.ID, 5000}); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Requests(); err != nil || len(found) != 999 {
		t.Errorf("%d requests, %v", len(found), err)
	}
}

// TestBadRecordsHideNoOthers checks that lists return the records that can be read, and that
// the error names the others.
func TestBadRecordsHideNoOthers(t *testing.T) {
	s := newStore(t)
	waiting, done := []*record.Job{block(1, 0, status.JobWaiting), block(2, 0, status.JobWaiting)}, []*record.Job{block(3, 0, status.JobDone), block(4, 0, status.JobDone)}
	commit(t, s, record.Change{Jobs: append(waiting, done...), Events: []record.Event{event("r", done[0], contract.EventProved), event("r", done[1], contract.EventProved)}})
	for _, key := range []string{waiting[0].ID, done[0].ID} {
		if err := s.raw(bucketJobs, key, "{"); err != nil {
			t.Fatal(err)
		}
	}
	err := s.update(func(t tx) error {
		box, _ := top(t, bucketOutbox).child([]byte("r"))
		return box.put(be8(1), []byte("{"))
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]func() (int, error){
		"active":   func() (int, error) { l, err := s.Active(); return len(l), err },
		"recent":   func() (int, error) { l, err := s.Recent(9); return len(l), err },
		"finished": func() (int, error) { l, err := s.FinishedSince(noon); return len(l), err },
		"outbox":   func() (int, error) { l, err := s.Outbox("r"); return len(l), err },
		"overdue":  func() (int, error) { l, err := s.Overdue(noon.Add(24 * time.Hour)); return len(l), err },
	} {
		if n, err := list(); n != 1 || err == nil || !strings.Contains(err.Error(), "record ") {
			t.Errorf("%s: %d, %v; want one, and the other named", name, n, err)
		}
	}
}

func TestOutboxSince(t *testing.T) {
	s := newStore(t)
	j := block(1, 0, status.JobWaiting)
	commit(t, s, record.Change{Jobs: []*record.Job{j}, Events: []record.Event{event("r", j, contract.EventQueued), event("r", j, contract.EventProving), event("other", j, contract.EventQueued)}})
	for after, want := range []int{2, 1, 0} {
		if events, err := s.OutboxSince("r", uint64(after)); err != nil || len(events) != want {
			t.Errorf("after %d: %d events, %v", after, len(events), err)
		}
	}
	if waiting, err := s.Waiting(); err != nil || cmp.Diff(map[string]int{"r": 2, "other": 1}, waiting) != "" {
		t.Errorf("%v, %v", waiting, err)
	}
}

// TestAnswersAreBounded checks that the answers of a reporter are shortened.
func TestAnswersAreBounded(t *testing.T) {
	s := newStore(t)
	j := block(1, 0, status.JobDone)
	commit(t, s, record.Change{Jobs: []*record.Job{j}, Events: []record.Event{event("r", j, contract.EventProved), event("r", j, contract.EventProved)}})
	flood := strings.Repeat("x", 4<<20)
	if err := s.Defer("r", 1, noon, flood); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle("r", 2, record.Settlement{Outcome: record.Rejected, Reason: flood, Facts: map[string]string{"a": flood, flood: "b"}}); err != nil {
		t.Fatal(err)
	}
	reports, err := s.Reports(j.ID)
	if err != nil || len(reports) != 2 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	if size := len(reports[0].Error) + len(reports[1].Error) + len(reports[0].Facts["a"]); size > 6000 || reports[0].Facts[record.FactLeftOut] != "1" {
		t.Errorf("%d bytes are kept, facts left out: %q", size, reports[0].Facts[record.FactLeftOut])
	}
}

// TestMissingRecordIsNoticed checks that the sum detects a missing record.
func TestMissingRecordIsNoticed(t *testing.T) {
	s := newStore(t)
	populate(t, s)
	if err := s.db.Update(func(b *bbolt.Tx) error { return b.Bucket(bucketCursors).Delete([]byte("source")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.Path()); err == nil || !strings.Contains(err.Error(), "records are missing") {
		t.Errorf("%v", err)
	}
}
