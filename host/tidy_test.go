package host

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/host/artifact"
	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/launch"
	"github.com/proofline/proofline/host/offline"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// TestFilesOfFailedJobsAreKept checks that the files of failed jobs are kept for a week, and
// those of other finished jobs are removed at once.
func TestFilesOfFailedJobsAreKept(t *testing.T) {
	data := t.TempDir()
	store, err := offline.OpenCheckpoint(data)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	files, err := artifact.Open(data, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &host{Options: Options{Pipeline: &pipeline.Pipeline{Data: data, Keep: pipeline.Keep{History: pipeline.DefaultHistory, Failed: pipeline.DefaultFailed, Files: pipeline.DefaultFiles}}}, store: store, files: files}
	now := time.Now()
	ids := map[status.JobState]string{}
	for i, state := range []status.JobState{status.JobDone, status.JobFailed, status.JobWaiting} {
		rec := record.New(contract.Block{Number: uint64(i)}, record.Selected, now)
		if rec.State = state; state.Finished() {
			rec.Finished = now
		}
		if err := store.Commit(record.Change{Jobs: []*record.Job{rec}}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := files.Attempt(rec.ID, "prove", 1, nil); err != nil {
			t.Fatal(err)
		}
		ids[state] = rec.ID
	}
	for _, c := range []struct {
		after time.Duration
		want  []status.JobState
	}{
		{0, []status.JobState{status.JobFailed, status.JobWaiting}},
		{pipeline.DefaultFiles - time.Minute, []status.JobState{status.JobFailed, status.JobWaiting}},
		{pipeline.DefaultFiles + time.Minute, []status.JobState{status.JobWaiting}},
	} {
		if err := h.tidyOnce(now.Add(c.after)); err != nil {
			t.Fatal(err)
		}
		left, err := files.Jobs()
		if err != nil || len(left) != len(c.want) {
			t.Errorf("after %v: %v, %v", c.after, left, err)
		}
		for _, state := range c.want {
			if _, ok := left[ids[state]]; !ok {
				t.Errorf("after %v the files of the job that is %s are gone", c.after, state)
			}
		}
	}
}

// tidied returns a host that has only a checkpoint and files.
func tidied(t *testing.T) *host {
	t.Helper()
	data := t.TempDir()
	store, err := checkpoint.Open(filepath.Join(data, "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	files, err := artifact.Open(data, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &host{
		Options: Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Pipeline: &pipeline.Pipeline{
			Data: data, Keep: pipeline.Keep{History: pipeline.DefaultHistory, Failed: pipeline.DefaultFailed, Files: pipeline.DefaultFiles},
		}},
		store: store, files: files,
	}
}

// proved returns the change of a job that is done and whose proof waits for a reporter.
func proved(number uint64) record.Change {
	block := contract.Block{ChainID: 1, Number: number, Hash: contract.Hash{byte(number), byte(number >> 8)}}
	rec := record.New(block, record.Selected, time.Now())
	rec.State, rec.Finished = status.JobDone, time.Now()
	return record.Change{Jobs: []*record.Job{rec}, Events: []record.Event{{
		Reporter: "ethproofs", Kind: contract.EventProved, Job: rec.ID, Block: &block, Expires: time.Now().Add(time.Hour),
	}}}
}

// TestTidyTakesNoProofThatIsOwed checks that the directory of a proof that waits for a
// reporter is kept when its job ends while the files of a hundred others are removed.
func TestTidyTakesNoProofThatIsOwed(t *testing.T) {
	t.Parallel()
	h := tidied(t)
	attempt := func(id string) {
		if _, _, err := h.files.Attempt(id, "prove", 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	for n := range uint64(100) {
		change := proved(1000 + n)
		change.Events = nil
		if err := h.store.Commit(change); err != nil {
			t.Fatal(err)
		}
		attempt(change.Jobs[0].ID)
	}
	var ending []record.Change
	for n := range uint64(20) {
		change := proved(n)
		running := change.Jobs[0].Clone()
		running.State, running.Finished = status.JobRunning, time.Time{}
		if err := h.store.Commit(record.Change{Jobs: []*record.Job{running}}); err != nil {
			t.Fatal(err)
		}
		attempt(running.ID)
		ending = append(ending, change)
	}
	var commits sync.WaitGroup
	commits.Go(func() {
		for _, change := range ending {
			if err := h.store.Commit(change); err != nil {
				t.Error(err)
			}
		}
	})
	for range 20 {
		if err := h.tidyOnce(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	commits.Wait()
	left, err := h.files.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range ending {
		if _, there := left[change.Jobs[0].ID]; !there {
			t.Errorf("the files of block %d went before its proof was reported", change.Jobs[0].Block.Number)
		}
	}
	if len(left) != len(ending) {
		t.Errorf("%d jobs have files, want the %d that owe a proof", len(left), len(ending))
	}
}

// TestTidyGoesOnAfterAnError checks that a directory that cannot be removed is named by the
// error, and that the others are removed.
func TestTidyGoesOnAfterAnError(t *testing.T) {
	h := tidied(t)
	var ids []string
	for n := range uint64(3) {
		change := proved(n)
		change.Events = nil
		if err := h.store.Commit(change); err != nil {
			t.Fatal(err)
		}
		id := change.Jobs[0].ID
		if _, _, err := h.files.Attempt(id, "prove", 1, nil); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	err := h.release(time.Now(), func(id string) error {
		if id == ids[0] {
			return errors.New("device or resource busy")
		}
		return h.files.Release(id)
	})
	if err == nil || !strings.Contains(err.Error(), ids[0]) {
		t.Errorf("the error is %v, want one that names the job", err)
	}
	left, err := h.files.Jobs()
	if err != nil {
		t.Fatal(err)
	}
	if _, there := left[ids[0]]; len(left) != 1 || !there {
		t.Errorf("left %v, want the undeletable one alone", left)
	}
}

// TestTidyLeavesWhatMayStillCount checks that new files without a record and the two
// directories that belong to no job are kept, and that old files without a record and old
// records are removed.
func TestTidyLeavesWhatMayStillCount(t *testing.T) {
	h := tidied(t)
	done := proved(7)
	done.Events = nil
	if err := h.store.Commit(done); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"alerts", "requests", "1-5-00000000"} {
		if _, _, err := h.files.Attempt(id, "prove", 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after  time.Duration
		left   []string
		record bool
	}{
		{0, []string{"1-5-00000000", "alerts", "requests"}, true},
		{orphanAge + time.Minute, []string{"alerts", "requests"}, true},
		{pipeline.DefaultHistory - time.Hour, []string{"alerts", "requests"}, true},
		{pipeline.DefaultHistory + time.Hour, []string{"alerts", "requests"}, false},
	} {
		if err := h.tidyOnce(time.Now().Add(c.after)); err != nil {
			t.Fatal(err)
		}
		left, err := h.files.Jobs()
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(left)); !slices.Equal(got, c.left) {
			t.Errorf("after %v there are files of %v, want %v", c.after, got, c.left)
		}
		if _, err := h.store.Job(done.Jobs[0].ID); (err == nil) != c.record {
			t.Errorf("after %v the record: %v", c.after, err)
		}
	}
}

// TestPublishedFoldersExpire checks that only folders of blocks are removed in which nothing
// has changed for keep.output and whose jobs are not open.
func TestPublishedFoldersExpire(t *testing.T) {
	h := tidied(t)
	output := t.TempDir()
	var err error
	if h.files, err = artifact.Open(h.Pipeline.Data, output); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	old := now.Add(-48 * time.Hour)
	open := record.New(contract.Block{Number: 7}, record.Selected, now)
	done := record.New(contract.Block{Number: 5}, record.Selected, old)
	done.State, done.Finished = status.JobDone, old
	if err := h.store.Commit(record.Change{Jobs: []*record.Job{open, done}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		folder string
		young  bool
	}{{"5", false}, {"5-00c0ffee", false}, {"6", true}, {"7", false}, {"8", false}, {"05", false}, {"5-notes", false}, {"notes", false}} {
		below := filepath.Join(output, c.folder, "staging")
		if err := os.MkdirAll(below, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(below, "result.json")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		paths := []string{file, below, filepath.Dir(below)}
		if c.young {
			paths = paths[1:] // the file alone tells of it
		}
		for _, path := range paths {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := func() (names []string) {
		entries, err := os.ReadDir(output)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	if err := h.tidyOnce(now); err != nil || len(left()) != 8 {
		t.Errorf("by default published files stay for ever: %v, %v", left(), err)
	}
	h.Pipeline.Keep.Output = 24 * time.Hour
	if err := h.tidyOnce(now); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), []string{"05", "5-notes", "6", "7", "notes"}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
}

// TestFilesOfRequestsGo checks that the files of a request are removed when it is not stored
// any more, and those of alerts when a run begins.
func TestFilesOfRequestsGo(t *testing.T) {
	h := tidied(t)
	input := filepath.Join(t.TempDir(), "input.bin")
	if err := os.WriteFile(input, []byte("input"), 0o600); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, id := range []string{"wanted", "over"} {
		kept, err := h.files.Import(artifact.ForRequests, id, contract.ArtifactInput, input)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Join(h.Pipeline.Data, kept.Path))
	}
	if err := h.store.AddRequests([]record.Request{{Verb: record.VerbProve, Number: 1, Input: paths[0], At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{{0, []string{"over", "wanted"}}, {orphanAge + time.Minute, []string{"wanted"}}} {
		if err := h.tidyOnce(time.Now().Add(c.after)); err != nil {
			t.Fatal(err)
		}
		left, err := h.files.Requests()
		if got := slices.Sorted(maps.Keys(left)); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("after %v files of %v are left, want %v: %v", c.after, got, c.want, err)
		}
	}
	if _, _, err := h.files.Event("", "slack", 1, 1, nil, nil); err != nil {
		t.Fatal(err)
	}
	h.run = &launch.Run{ID: "next"}
	if err := h.begin(); err != nil {
		t.Fatal(err)
	}
	if left, err := h.files.Jobs(); err != nil || !slices.Equal(slices.Collect(maps.Keys(left)), []string{artifact.ForRequests}) {
		t.Errorf("when a run begins there is %v, %v", left, err)
	}
}
