package checkpoint

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
)

// grown makes a checkpoint with free pages and closes it.
func grown(t *testing.T) (path string, want map[string]string) {
	t.Helper()
	s := newStore(t)
	populate(t, s)
	churnUp(t, s)
	if _, err := s.Prune(noon.Add(time.Hour), noon, 1000); err != nil {
		t.Fatal(err)
	}
	want = content(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Path(), want
}

func TestCompact(t *testing.T) {
	path, want := grown(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is a .bak already
		before, after, lost, err := Compact(path)
		if err != nil || len(lost) > 0 || after >= int64(len(whole)) || before < after {
			t.Fatalf("%d to %d, %v, %v", before, after, lost, err)
		}
	}
	s := open1(t, path)
	if !maps.Equal(want, content(t, s)) {
		t.Error("the compacted file holds something else")
	}
	if !maps.Equal(want, content(t, open1(t, path+CompactSuffix))) {
		t.Error("the file as it was is not beside it")
	}
	if left, _ := filepath.Glob(path + ".part-*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if _, _, _, err := Compact(path); !errors.Is(err, ErrInUse) {
		t.Errorf("compact while it is open: %v", err)
	}
}

// TestCompactDoesNotDisplaceAWaitingHost checks that a process which waits for the lock
// while the file is replaced does not go on with the old file.
func TestCompactDoesNotDisplaceAWaitingHost(t *testing.T) {
	path, want := grown(t)
	holder := open1(t, path)
	opened := make(chan error)
	go func() {
		s, err := Open(path)
		if err == nil {
			if !maps.Equal(want, content(t, s)) {
				err = errors.New("other content")
			}
			err = errors.Join(err, s.Commit(record.Change{Jobs: []*record.Job{block(9999, 0, status.JobWaiting)}}), s.Close())
		}
		opened <- err
	}()
	temp := path + ".new"
	if err := holder.Backup(temp); err != nil {
		t.Fatal(err)
	}
	if err := replace(path, temp); err != nil {
		t.Fatal(err)
	}
	holder.Close()
	err := <-opened
	if err != nil && !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	s := open1(t, path)
	if found, _ := s.ByNumber(9999); (len(found) == 1) != (err == nil) {
		t.Errorf("open answered %v, and its job is in the checkpoint: %v", err, len(found) == 1)
	}
}

// TestCompactMendsAMetaPage checks that Open refuses a file with one damaged meta page, and
// that Compact repairs it from the other page and returns the problem.
func TestCompactMendsAMetaPage(t *testing.T) {
	for page := range 2 {
		path, want := grown(t)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("damage"), int64(page*os.Getpagesize()+40))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "meta page is damaged") || !strings.Contains(err.Error(), "db compact") {
			t.Errorf("%v", err)
		}
		_, _, lost, err := Compact(path)
		if err != nil || len(lost) != 1 {
			t.Fatalf("%v, %v", lost, err)
		}
		s := open1(t, path)
		if got := content(t, s); len(got) < len(want)-500 {
			t.Errorf("%d of %d records are left", len(got), len(want))
		}
	}
}

func TestCompactLeavesADamagedFileAlone(t *testing.T) {
	path, _ := grown(t)
	text, _ := os.ReadFile(path)
	for page := 4; page < len(text)/os.Getpagesize(); page++ { // some of them are in use
		text[page*os.Getpagesize()+3] ^= 1
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := Compact(path); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("%v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(text) {
		t.Error("the file was changed")
	}
	if _, err := os.Stat(path + CompactSuffix); err == nil {
		t.Error("a file as it was, although it still is")
	}
}

func TestPartsOfKilledCommandsAreRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	old := []string{".part-77", ".check-5", ".new-123"}
	for i, name := range append(old, ".bak", ".schema-1", "-20261122.db", ".part-young") {
		if err := os.WriteFile(path+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if i < 6 {
			if err := os.Chtimes(path+name, noon, time.Now().Add(-2*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
	}
	hidden := filepath.Join(filepath.Dir(path), ".checkpoint.db.bak4711") // of package files
	if err := errors.Join(os.WriteFile(hidden, nil, 0o600), os.Chtimes(hidden, noon, time.Now().Add(-2*time.Hour))); err != nil {
		t.Fatal(err)
	}
	open1(t, path)
	if _, err := os.Stat(hidden); err == nil {
		t.Errorf("%s is still there", hidden)
	}
	left, _ := filepath.Glob(path + "?*")
	if len(left) != 4 {
		t.Errorf("left: %v", left)
	}
	for _, name := range old {
		if _, err := os.Stat(path + name); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestRecordsThatDisagree checks that Check finds faults which no checksum can detect.
func TestRecordsThatDisagree(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Store) error
		want   string
	}{
		"an active job without a record": {func(s *Store) error { return s.raw(bucketActive, "1-9-00000000", "") }, "active/1-9-00000000: there is no record"},
		"a cursor of another stage":      {func(s *Store) error { return s.raw(bucketCursors, "source", `{"stage":"x"}`) }, "cursors/source: it says that it is of stage x"},
		"a record that is no JSON":       {func(s *Store) error { return s.raw(bucketCursors, "source", "{") }, "cursors/source: record cursors/source: unexpected end"},
		"numbers given out twice":        {func(s *Store) error { return s.raw(bucketLast, "outbox/ethproofs", "3") }, "the last number given out is 3"},
		"a job of no known state":        {func(s *Store) error { return s.raw(bucketJobs, "1-7-00000000", `{"id":"1-7-00000000","state":"x"}`) }, `its state "x" is unknown`},
	} {
		path := filepath.Join(t.TempDir(), "checkpoint.db")
		s := open1(t, path)
		populate(t, s)
		if err := errors.Join(c.change(s), s.Close()); err != nil {
			t.Fatal(err)
		}
		report, err := Check(path)
		if err != nil || len(report.Problems) == 0 || !strings.Contains(all(report), c.want) {
			t.Errorf("%s: %v, %v; want %q", name, report.Problems, err, c.want)
		}
		// After an orderly end a start does not look at this; after another it does.
		s, err = Open(path)
		if err != nil {
			t.Errorf("%s: after an orderly end: %v", name, err)
			continue
		}
		_, err = s.Begin(record.Run{ID: "01Z"})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s: opened after a crash: %v", name, err)
		}
	}
}

// raw writes a record with a valid seal and breaks the invariants of the records.
func (s *Store) raw(name []byte, key, text string) error {
	return s.update(func(t tx) error { return top(t, name).put([]byte(key), []byte(text)) })
}

func all(report Report) (text string) {
	for _, p := range report.Problems {
		text += p.Where + ": " + p.What + "\n"
	}
	return text
}
