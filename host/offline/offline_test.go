package offline

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// stopped is a pipeline that no host runs, in directories of its own.
func stopped(t *testing.T) *pipeline.Pipeline {
	t.Helper()
	root := t.TempDir()
	return &pipeline.Pipeline{Name: "p", File: "p.yaml", Data: filepath.Join(root, "data"), Output: filepath.Join(root, "output"), Stages: []pipeline.Stage{
		{Name: "source", Kind: contract.KindSource, Plugin: "source-x"},
		{Name: "prove", Kind: contract.KindProver, Plugin: "prover-x"},
		{Name: "ethproofs", Kind: contract.KindReporter, Plugin: "reporter-x"},
	}}
}

// left commits the jobs of an ended host and returns their ids by number: 1 is waiting, 2
// is done with its proof unsent, 3 has failed, 4 is cancelled.
func left(t *testing.T, p *pipeline.Pipeline) map[uint64]string {
	t.Helper()
	store, err := OpenCheckpoint(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ids := map[uint64]string{}
	var change record.Change
	now := time.Now()
	for i, state := range []status.JobState{status.JobWaiting, status.JobDone, status.JobFailed, status.JobCancelled} {
		block := contract.Block{ChainID: 1, Number: uint64(i + 1), Hash: contract.Hash{byte(i + 1)}, Time: now}
		rec := record.New(block, record.Selected, now)
		rec.Stages["source"] = record.Stage{State: record.StageDone, Attempt: 1}
		rec.Stages["prove"] = record.Stage{State: map[status.JobState]record.StageState{
			status.JobWaiting: record.StageWaiting, status.JobDone: record.StageDone,
			status.JobFailed: record.StageFailed, status.JobCancelled: record.StageCancelled,
		}[state]}
		if rec.State = state; state.Finished() {
			rec.Finished = now.Add(time.Duration(i) * time.Second)
		}
		change.Jobs = append(change.Jobs, rec)
		ids[block.Number] = rec.ID
		if state == status.JobDone {
			change.Events = append(change.Events, record.Event{
				Reporter: "ethproofs", Kind: contract.EventProved, Job: rec.ID, Block: &block, At: now, Expires: now.Add(time.Hour),
			})
		}
	}
	if err := store.Commit(change); err != nil {
		t.Fatal(err)
	}
	return ids
}

// requests returns the stored requests.
func requests(t *testing.T, p *pipeline.Pipeline) []record.Request {
	t.Helper()
	store, err := OpenCheckpoint(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	all, err := store.Requests()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestBeforeTheFirstRun checks that every list is empty before the first run, and that
// reading makes no checkpoint.
func TestBeforeTheFirstRun(t *testing.T) {
	p := stopped(t)
	o := Open(p)
	defer o.Close()
	snap, err := o.Snapshot(t.Context())
	if err != nil || snap.Pipeline != "p" || len(snap.Stages) != 3 || snap.Stages[1].State != status.StageStopped || len(snap.Jobs)+len(snap.Recent) != 0 {
		t.Errorf("%+v, %v", snap, err)
	}
	if jobs, err := o.Blocks(t.Context(), control.Query{}); err != nil || len(jobs) != 0 {
		t.Errorf("%v, %v", jobs, err)
	}
	if jobs, err := o.ShowBlock(t.Context(), 1); err != nil || len(jobs) != 0 {
		t.Errorf("%v, %v", jobs, err)
	}
	if standing, err := o.Score(t.Context()); err != nil || standing.Pipeline != "p" || standing.Week.Blocks != 0 {
		t.Errorf("%+v, %v", standing, err)
	}
	const none = "there is no checkpoint"
	_, check := CheckCheckpoint(t.Context(), p.Data)
	_, backup := BackUpCheckpoint(t.Context(), p.Data, t.TempDir(), time.Now())
	_, _, _, compact := CompactCheckpoint(p.Data)
	for what, err := range map[string]error{"check": check, "backup": backup, "compact": compact, "Backup": o.Backup(t.Context(), filepath.Join(t.TempDir(), "copy"))} {
		if err == nil || !strings.Contains(err.Error(), none) || contract.ClassOf(err) != contract.ClassEnvironment {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(CheckpointPath(p.Data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a checkpoint was made: %v", err)
	}
}

// TestShowsWhatTheLastRunLeft checks the unfinished and finished jobs and the queues of
// reporters.
func TestShowsWhatTheLastRunLeft(t *testing.T) {
	p := stopped(t)
	ids := left(t, p)
	o := Open(p)
	snap, err := o.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	numbers := func(jobs []status.Job) (n []uint64) {
		for _, j := range jobs {
			n = append(n, j.Block.Number)
		}
		return n
	}
	if got := numbers(snap.Jobs); !slices.Equal(got, []uint64{1}) || snap.Counts.Active != 1 {
		t.Errorf("unfinished %v, active %d", got, snap.Counts.Active)
	}
	if got := numbers(snap.Recent); !slices.Equal(got, []uint64{4, 3, 2}) {
		t.Errorf("recent %v, want the newest end first", got)
	}
	if owed := snap.Stages[2]; owed.QueueLength != 1 || !slices.Equal(owed.Queue, []uint64{2}) {
		t.Errorf("owed %+v", owed)
	}
	for _, c := range []struct {
		query control.Query
		want  []uint64
	}{
		{control.Query{}, []uint64{4, 3, 2, 1}},
		{control.Query{Limit: 2}, []uint64{4, 3}},
		{control.Query{States: []status.JobState{status.JobFailed, status.JobWaiting}}, []uint64{3, 1}},
	} {
		jobs, err := o.Blocks(t.Context(), c.query)
		if got := numbers(jobs); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, %v, want %v", c.query, got, err, c.want)
		}
	}
	jobs, err := o.ShowBlock(t.Context(), 2)
	if err != nil || len(jobs) != 1 || jobs[0].ID != ids[2] || len(jobs[0].Stages) != 2 || len(jobs[0].Reports) != 1 || jobs[0].Reports[0].Kind != contract.EventProved {
		t.Errorf("%+v, %v", jobs, err)
	}
	if standing, err := o.Score(t.Context()); err != nil || standing.Unsent["ethproofs"] != 1 {
		t.Errorf("unsent %v, %v", standing.Unsent, err)
	}
}

// TestRequestsForTheNextRun checks that each request is stored once with what the next run
// needs, and that impossible requests are refused at once.
func TestRequestsForTheNextRun(t *testing.T) {
	p := stopped(t)
	ids := left(t, p)
	o := Open(p)
	added, err := o.AddBlocks(t.Context(), []uint64{9, 2, 4, 9})
	if err != nil || len(added) != 4 {
		t.Fatalf("%+v, %v", added, err)
	}
	for i, want := range []status.AddResult{
		{Number: 9, Added: true, Outcome: "queued for the next run"}, {Number: 2, Job: ids[2], Outcome: "ignored: it is done already"},
		{Number: 4, Added: true, Outcome: "queued for the next run"}, {Number: 9, Outcome: "ignored: already queued for the next run"},
	} {
		if added[i] != want {
			t.Errorf("%+v, want %+v", added[i], want)
		}
	}
	input := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(input, []byte("guest input"), 0o600); err != nil {
		t.Fatal(err)
	}
	hash := contract.Hash{7}
	if r, err := o.ProveBlock(t.Context(), control.ProveRequest{Number: 7, Hash: &hash, Input: input, Stage: "prove", BuildTime: time.Second}); err != nil || !r.Added {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := o.ProveBlock(t.Context(), control.ProveRequest{Number: 7, Input: input}); err != nil || r.Added || !strings.Contains(r.Outcome, "already queued") {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := o.ProveBlock(t.Context(), control.ProveRequest{Number: 8, Input: input + ".gone"}); err == nil || !strings.Contains(err.Error(), input+".gone") {
		t.Errorf("an input that is not there: %v", err)
	}
	if err := o.Retry(t.Context(), control.RetryRequest{Job: ids[3], From: "input", Stage: "prove"}); err != nil {
		t.Error(err)
	}
	if err := o.Skip(t.Context(), ids[1]); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"retry of what waits":     o.Retry(t.Context(), control.RetryRequest{Job: ids[1]}),
		"skip of what has ended":  o.Skip(t.Context(), ids[3]),
		"retry of an unknown job": o.Retry(t.Context(), control.RetryRequest{Job: "1-99-00000000"}),
		"skip of an unknown job":  o.Skip(t.Context(), "1-99-00000000"),
	} {
		if contract.ClassOf(err) != contract.ClassPermanent {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := o.Report(t.Context(), ids[2], ""); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("report: %v", err)
	}

	got := requests(t, p)
	var words []string
	for _, r := range got {
		words = append(words, strings.TrimSpace(r.Verb+" "+r.Job+" "+r.Stage+" "+r.From))
	}
	want := []string{
		record.VerbAdd, record.VerbAdd, record.VerbProve + "  prove",
		record.VerbRetry + " " + ids[3] + " prove input", record.VerbSkip + " " + ids[1],
	}
	if !slices.Equal(words, want) {
		t.Fatalf("requests %q, want %q", words, want)
	}
	if got[0].Number != 9 || got[1].Number != 4 || got[3].Number != 3 || got[2].Hash == nil || *got[2].Hash != hash || got[2].BuildTime != time.Second {
		t.Errorf("requests %+v", got)
	}
	if kept, err := os.ReadFile(got[2].Input); err != nil || string(kept) != "guest input" || got[2].Input == input {
		t.Errorf("the input is kept as %s: %q, %v", got[2].Input, kept, err)
	}
}

// TestCareOfACheckpoint checks check, backup and compact while no process has the file open
// and while a process other than a host has it open.
func TestCareOfACheckpoint(t *testing.T) {
	p := stopped(t)
	ids := left(t, p)
	report, err := CheckCheckpoint(t.Context(), p.Data)
	if err != nil || len(report.Problems) != 0 || report.Path != CheckpointPath(p.Data) || report.Size == 0 {
		t.Errorf("check %+v, %v", report, err)
	}
	to, now := t.TempDir(), time.Date(2026, 11, 29, 20, 30, 0, 0, time.UTC)
	copied, err := BackUpCheckpoint(t.Context(), p.Data, to, now)
	if err != nil || copied.Path != filepath.Join(to, "checkpoint-20261129T203000Z.db") {
		t.Fatalf("backup %+v, %v", copied, err)
	}
	store, err := checkpoint.OpenReadOnly(copied.Path)
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := store.Job(ids[2]); err != nil || rec.State != status.JobDone {
		t.Errorf("the backup holds %+v, %v", rec, err)
	}
	store.Close()
	if beside, err := BackUpCheckpoint(t.Context(), p.Data, "", now); err != nil || filepath.Dir(beside.Path) != p.Data {
		t.Errorf("without a place: %+v, %v", beside, err)
	}
	if err := Open(p).Backup(t.Context(), filepath.Join(to, "direct.db")); err != nil {
		t.Error(err)
	}
	if again, err := BackUpCheckpoint(t.Context(), p.Data, copied.Path, now); err != nil || again.Path != copied.Path {
		t.Errorf("over an earlier backup: %+v, %v", again, err)
	}
	precious := filepath.Join(to, "precious")
	if err := os.WriteFile(precious, []byte("no checkpoint"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, over := range []string{precious, CheckpointPath(p.Data)} {
		if _, err := BackUpCheckpoint(t.Context(), p.Data, over, now); contract.ClassOf(err) != contract.ClassPermanent {
			t.Errorf("over %s: %v", over, err)
		}
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "no checkpoint" {
		t.Errorf("%q, %v", text, err)
	}
	before, after, lost, err := CompactCheckpoint(p.Data)
	if err != nil || before == 0 || after == 0 || after > before || len(lost) != 0 {
		t.Errorf("compact from %d to %d, lost %v, %v", before, after, lost, err)
	}
	entries, err := os.ReadDir(to)
	if err != nil || len(entries) != 3 {
		t.Errorf("beside the backups: %v, %v", entries, err)
	}

	busy, err := OpenCheckpoint(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if _, err := CheckCheckpoint(t.Context(), p.Data); !errors.Is(err, checkpoint.ErrInUse) || contract.ClassOf(err) != contract.ClassEnvironment {
		t.Errorf("check of a checkpoint in use: %v", err)
	}
}
