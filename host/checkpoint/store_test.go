package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("CHECKPOINT_TEST_WRITER"); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

func open1(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newStore(t *testing.T) *Store { return open1(t, filepath.Join(t.TempDir(), "checkpoint.db")) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// stageOf maps the state of a job to the state of its only stage, as the migration of an
// older file does.
var stageOf = map[status.JobState]record.StageState{
	status.JobWaiting: record.StageWaiting, status.JobRunning: record.StageRunning, status.JobDone: record.StageRemoved,
	status.JobFailed: record.StageFailed, status.JobDropped: record.StageCancelled, status.JobCancelled: record.StageCancelled,
}

func block(number uint64, fork byte, state status.JobState) *record.Job {
	j := record.New(contract.Block{ChainID: 1, Number: number, Hash: contract.Hash{fork, 1: byte(number)}, Time: noon}, record.Selected, noon)
	j.State = state
	j.Stages["prove"] = record.Stage{
		State: stageOf[state], Attempt: 2, Facts: map[string]string{"k": "v"},
		Outputs: []contract.Artifact{{Name: "proof.bin", Path: "attempts/x", Size: 3, SHA256: [32]byte{9}, Role: contract.RoleProof}},
		Resume:  &record.Resume{Token: []byte{1, 2}, Fingerprint: "f", Inputs: "i"},
	}
	if state.Finished() {
		j.Finished = noon.Add(time.Duration(number) * time.Second)
	}
	return j
}

// set gives a job a state and its stage the one that belongs to it.
func set(j *record.Job, state status.JobState, finished time.Time) {
	s := j.Stages["prove"]
	s.State = stageOf[state]
	j.Stages["prove"], j.State, j.Finished = s, state, finished
}

func commit(t *testing.T, s *Store, c record.Change) {
	t.Helper()
	if err := s.Commit(c); err != nil {
		t.Fatal(err)
	}
}

func event(reporter string, rec *record.Job, kind contract.EventKind) record.Event {
	about := rec.Block
	return record.Event{Reporter: reporter, Kind: kind, Job: rec.ID, Block: &about, At: noon, Expires: noon.Add(time.Hour)}
}

func TestRecordsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	s := open1(t, path)
	waiting, done := block(5, 0, status.JobWaiting), block(4, 0, status.JobDone)
	cursor := &record.Cursor{Stage: "source", Cursor: []byte{0, 1, 255}, Head: 9, Updated: noon}
	commit(t, s, record.Change{Jobs: []*record.Job{waiting, done}, Cursor: cursor, Events: []record.Event{event("r", done, contract.EventProved)}})
	s.Close()

	s = open1(t, path)
	active, err := s.Active()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*record.Job{waiting}, active); diff != "" {
		t.Error(diff)
	}
	recent, _ := s.Recent(10)
	if diff := cmp.Diff([]*record.Job{done}, recent); diff != "" {
		t.Error(diff)
	}
	if got, _ := s.Cursor("source"); cmp.Diff(cursor, got) != "" {
		t.Error(cmp.Diff(cursor, got))
	}
	if events, _ := s.Outbox("r"); len(events) != 1 || events[0].Seq != 1 || events[0].Job != done.ID {
		t.Errorf("outbox %+v", events)
	}
}

func TestFinishedJobLeavesActiveAndComesBack(t *testing.T) {
	s := newStore(t)
	j := block(5, 0, status.JobWaiting)
	commit(t, s, record.Change{Jobs: []*record.Job{j}})
	done := j.Clone()
	set(done, status.JobFailed, noon)
	commit(t, s, record.Change{Jobs: []*record.Job{done}})
	if active, _ := s.Active(); len(active) != 0 {
		t.Error("a finished job is active")
	}
	commit(t, s, record.Change{Jobs: []*record.Job{j}})
	if active, _ := s.Active(); len(active) != 1 {
		t.Error("a job that was queued again is not active")
	}
	if recent, _ := s.Recent(10); len(recent) != 0 {
		t.Error("a job that was queued again is still history")
	}
}

func TestByNumberSeesEveryFork(t *testing.T) {
	s := newStore(t)
	commit(t, s, record.Change{Jobs: []*record.Job{block(255, 0, status.JobDone), block(256, 0, status.JobDone), block(256, 1, status.JobWaiting)}})
	if jobs, err := s.ByNumber(256); err != nil || len(jobs) != 2 {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}

func TestTryRecordsBeforeSendingAndNeverStepsBack(t *testing.T) {
	s := newStore(t)
	orphan, canonical := block(7, 0, status.JobCancelled), block(7, 1, status.JobWaiting)
	commit(t, s, record.Change{Jobs: []*record.Job{orphan, canonical}, Events: []record.Event{
		event("r", orphan, contract.EventQueued), event("r", orphan, contract.EventProving),
		event("r", canonical, contract.EventQueued), event("r", canonical, contract.EventProving), event("r", canonical, contract.EventProved),
	}})
	for seq := uint64(1); seq <= 2; seq++ {
		if e, ok, err := s.Try("r", seq, noon); err != nil || !ok || e.Tries != 1 {
			t.Fatalf("try %d: %+v %v %v", seq, e, ok, err)
		}
		if err := s.Settle("r", seq, record.Settlement{Outcome: record.Sent, At: noon}); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := s.Try("r", 3, noon); err != nil || ok {
		t.Errorf("queued of the new hash after proving of the old: %v %v, want superseded", ok, err)
	}
	for seq := uint64(4); seq <= 5; seq++ {
		if _, ok, err := s.Try("r", seq, noon); err != nil || !ok {
			t.Errorf("phase %d of the new hash: %v %v", seq, ok, err)
		}
	}
	reports, err := s.Reports(canonical.ID)
	if err != nil || len(reports) != 3 || reports[0].State != string(record.Superseded) || reports[1].State != string(record.Superseded) || reports[2].State != "waiting" {
		t.Errorf("reports %+v, %v", reports, err)
	}
}

func TestUnsendKeepsWhatWasTried(t *testing.T) {
	s := newStore(t)
	j := block(7, 0, status.JobWaiting)
	commit(t, s, record.Change{Jobs: []*record.Job{j}, Events: []record.Event{event("r", j, contract.EventQueued), event("r", j, contract.EventProving)}})
	if _, _, err := s.Try("r", 1, noon); err != nil {
		t.Fatal(err)
	}
	commit(t, s, record.Change{Unsend: []string{j.ID}})
	if events, _ := s.Outbox("r"); len(events) != 1 || events[0].Seq != 1 {
		t.Errorf("outbox %+v, want the tried event alone", events)
	}
}

func TestPruneForgetsTheOldAndKeepsDebts(t *testing.T) {
	s := newStore(t)
	old, failed, owing, young := block(1, 0, status.JobDone), block(2, 0, status.JobFailed), block(3, 0, status.JobDone), block(900, 0, status.JobDone)
	commit(t, s, record.Change{Jobs: []*record.Job{old, failed, owing, young}, Events: []record.Event{event("r", old, contract.EventProved), event("r", owing, contract.EventProved)}})
	if _, _, err := s.Try("r", 1, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Settle("r", 1, record.Settlement{Outcome: record.Sent, At: noon}); err != nil {
		t.Fatal(err)
	}
	pruned, err := s.Prune(noon.Add(time.Minute), noon, 100)
	if err != nil || !slices.Equal(pruned, []string{old.ID}) {
		t.Errorf("pruned %v, %v; want the old one alone", pruned, err)
	}
	err = s.view(func(t2 tx) error {
		if t2.Bucket(bucketReached).Bucket([]byte("r")).Get(be8(1)) != nil {
			t.Error("the phase reached of a forgotten number is kept")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunsTellOfACrash(t *testing.T) {
	s := newStore(t)
	first := record.Run{ID: "01A", PID: 1, Started: noon}
	if previous, err := s.Begin(first); previous != nil || err != nil {
		t.Fatal(previous, err)
	}
	previous, err := s.Begin(record.Run{ID: "01B", PID: 2})
	if err != nil || previous == nil || !previous.Stopped.IsZero() {
		t.Fatalf("%+v, %v", previous, err)
	}
	if err := s.End("01B", noon); err != nil {
		t.Fatal(err)
	}
	if previous, _ = s.Begin(record.Run{ID: "01C"}); previous.Stopped != noon {
		t.Errorf("%+v, want an orderly end", previous)
	}
	for i := range 100 {
		if _, err := s.Begin(record.Run{ID: fmt.Sprintf("02%03d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.view(func(t2 tx) error {
		if n := t2.Bucket(bucketRuns).Stats().KeyN; n != keptRuns {
			t.Errorf("%d runs are kept, want %d", n, keptRuns)
		}
		return nil
	})
}

func TestRequestsWaitInOrder(t *testing.T) {
	s := newStore(t)
	if err := s.AddRequests([]record.Request{{Verb: record.VerbAdd, Number: 9, At: noon}, {Verb: record.VerbAdd, Number: 3, At: noon}}); err != nil {
		t.Fatal(err)
	}
	requests, err := s.Requests()
	if err != nil || len(requests) != 2 || requests[0].Number != 9 {
		t.Fatalf("%+v, %v", requests, err)
	}
	commit(t, s, record.Change{Requests: []uint64{requests[0].ID}})
	if rest, _ := s.Requests(); len(rest) != 1 || rest[0].Number != 3 {
		t.Errorf("left %+v", rest)
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	s := newStore(t)
	for _, open := range []func(string) (*Store, error){Open, OpenReadOnly} {
		if _, err := open(s.Path()); !errors.Is(err, ErrInUse) {
			t.Errorf("%v, want ErrInUse", err)
		}
	}
}

func TestDamagedFilesAreNamedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	good := open1(t, filepath.Join(dir, "good.db"))
	commit(t, good, record.Change{Jobs: []*record.Job{block(1, 0, status.JobDone)}})
	good.Close()
	whole, err := os.ReadFile(good.Path())
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	db, err := bbolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	foreign, _ := os.ReadFile(other)
	random := slices.Clone(whole)
	for i := range random {
		random[i] ^= byte(i*7 + 13)
	}
	for name, content := range map[string][]byte{
		"empty": {}, "truncated": whole[:5000], "one page": whole[:4096], "random": random, "text": []byte("no database"), "another program's": foreign,
	} {
		path := filepath.Join(dir, "damaged.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", name)
			continue
		}
		if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %q names neither the file nor the way out", name, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(content) {
			t.Errorf("%s: the damaged file was changed", name)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	s := newStore(t)
	err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keySchema, []byte{99}) })
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(s.Path()); err == nil || !strings.Contains(err.Error(), "upgrade proofline") {
		t.Errorf("%v", err)
	}
}

func TestBackupOfAStoreInUse(t *testing.T) {
	s := newStore(t)
	commit(t, s, record.Change{Jobs: []*record.Job{block(1, 0, status.JobWaiting)}})
	backup := s.Path() + ".backup"
	if err := s.Backup(backup); err != nil {
		t.Fatal(err)
	}
	if jobs, err := open1(t, backup).Active(); err != nil || len(jobs) != 1 {
		t.Errorf("%d jobs in the backup, %v", len(jobs), err)
	}
}

// writeUntilKilled commits job n together with cursor n and prints n after each
// commit.
func writeUntilKilled(path string) {
	s, err := Open(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for n := uint64(1); ; n++ {
		rec := block(n, 0, status.JobWaiting)
		err := s.Commit(record.Change{
			Jobs:   []*record.Job{rec},
			Cursor: &record.Cursor{Stage: "source", Head: n},
			Events: []record.Event{event("r", rec, contract.EventQueued)},
		})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

// TestKillWhileWriting checks that after kill -9 every acknowledged commit is in the file,
// and no commit is there in part.
func TestKillWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	for round := range 5 {
		os.Remove(path)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "CHECKPOINT_TEST_WRITER="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acknowledged uint64
		for acknowledged < uint64(20+30*round) {
			if _, err := fmt.Fscanln(out, &acknowledged); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := fmt.Fscanln(out, &acknowledged); err != nil {
				break
			}
		}
		_ = cmd.Wait()

		s := open1(t, path)
		active, err := s.Active()
		if err != nil {
			t.Fatal(err)
		}
		cursor, err := s.Cursor("source")
		if err != nil {
			t.Fatal(err)
		}
		events, err := s.Outbox("r")
		if err != nil {
			t.Fatal(err)
		}
		n := uint64(len(active))
		if n < acknowledged || cursor.Head != n || uint64(len(events)) != n {
			t.Errorf("acknowledged %d; on disk %d jobs, cursor %d, %d events", acknowledged, n, cursor.Head, len(events))
		}
		s.Close()
	}
}
