package checkpoint

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

var update = flag.Bool("update", false, "write testdata/schema-<version>.db.gz of the present schema")

// populate writes records into every bucket, as a host does in two runs.
func populate(t testing.TB, s *Store) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Begin(record.Run{ID: "01KAAAAAAAAAAAAAAAAAAAAAAA", PID: 4711, Started: noon, Version: "0.1.0"})
	must(err)
	must(s.AddRequests([]record.Request{{Verb: record.VerbAdd, Number: 77, At: noon}}))
	hash := contract.Hash{31: 9}
	must(s.AddRequests([]record.Request{{Verb: record.VerbProve, Number: 78, Hash: &hash, Input: "/data/attempts/requests/x/input.bin", At: noon}}))
	must(s.AddRequests([]record.Request{{Verb: record.VerbAdd, Number: 79, At: noon}}))
	must(s.Commit(record.Change{Requests: []uint64{1}}))

	states := []status.JobState{
		status.JobDone, status.JobFailed, status.JobWaiting, status.JobWaiting, status.JobDropped, status.JobCancelled,
	}
	for n := range uint64(60) {
		j := block(1000+n, byte(n%2), states[n%6])
		if j.State == status.JobFailed {
			j.Reason = "no proof: the prover says \"no\"\n"
			prove := j.Stages["prove"]
			prove.Error = j.Reason
			j.Stages["prove"] = prove
		}
		must(s.Commit(record.Change{
			Jobs:   []*record.Job{j},
			Cursor: &record.Cursor{Stage: "source", Cursor: []byte{byte(n), 0, 255}, Head: 1000 + n, Updated: noon.Add(time.Duration(n)), Selection: `{"From":null,"To":null}`},
			Events: []record.Event{event("ethproofs", j, contract.EventQueued), event("ethproofs", j, contract.EventProving), event("slack", j, contract.EventFailed)},
		}))
		if n%4 == 3 {
			continue
		}
		for seq := 2*n + 1; seq <= 2*n+2; seq++ {
			if n%3 == 0 {
				must(s.deferred("ethproofs", seq, noon.Add(time.Minute), "503 Service Unavailable"))
			} else {
				_, _, err := s.Try("ethproofs", seq, noon)
				must(err)
				must(s.Settle("ethproofs", seq, record.Settlement{Outcome: record.Sent, At: noon.Add(time.Second)}))
			}
		}
	}
	orphan := block(1003, 5, status.JobWaiting)
	must(s.Commit(record.Change{Jobs: []*record.Job{orphan}, Events: []record.Event{event("ethproofs", orphan, contract.EventQueued)}}))
	must(s.Commit(record.Change{Unsend: []string{orphan.ID}}))
	must(s.Commit(record.Change{Events: []record.Event{{
		Reporter: "slack", Kind: contract.EventNodeDown, Stage: "source", Facts: map[string]string{"reason": "down"}, At: noon, Expires: noon.Add(time.Hour),
	}}}))
	must(s.End("01KAAAAAAAAAAAAAAAAAAAAAAA", noon.Add(time.Hour)))
	_, err = s.Begin(record.Run{ID: "01KBBBBBBBBBBBBBBBBBBBBBBB", PID: 4712, Started: noon.Add(2 * time.Hour), Version: "0.1.0"})
	must(err)
	must(s.End("01KBBBBBBBBBBBBBBBBBBBBBBB", noon.Add(3*time.Hour)))
}

// deferred records a failed try of an event with the phase that it reached. Earlier phases
// of its number stay, as they did up to schema 2.
func (s *Store) deferred(reporter string, seq uint64, until time.Time, reason string) error {
	return s.update(func(t tx) error {
		box, e, err := find(t, reporter, seq)
		if err != nil {
			return err
		}
		reached, err := top(t, bucketReached).childOrNew([]byte(reporter))
		if err != nil {
			return err
		}
		e.Tries, e.NotUntil, e.Error = 1, until, reason
		return errors.Join(
			reached.write(be8(e.Block.Number), record.Reached{Hash: e.Block.Hash, Rank: record.Rank(e.Kind)}),
			box.write(be8(seq), &e),
		)
	})
}

// TestUpdateFixture writes the fixture of the present schema with -update.
func TestUpdateFixture(t *testing.T) {
	if !*update {
		return
	}
	s := newStore(t)
	populate(t, s)
	plain := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(plain); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Join("testdata", fmt.Sprintf("schema-%d.db.gz", schemaVersion)))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	z := gzip.NewWriter(out)
	if _, err := io.Copy(z, in); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// content returns every record of a store by bucket and key, without seals and without the
// time at which the file was created.
func content(t testing.TB, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	var walk func(b bucket) error
	walk = func(b bucket) error {
		return b.b.ForEach(func(key, sealed []byte) error {
			if c, ok := b.child(key); ok {
				return walk(c)
			}
			if b.path == "meta" {
				return nil
			}
			if sealed == nil {
				t.Fatalf("%s is a bucket", b.name(key))
			}
			text, err := b.unseal(key, sealed)
			all[b.name(key)] = string(text)
			return err
		})
	}
	err := s.view(func(t tx) error {
		for _, name := range topLevel {
			if err := walk(top(t, name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOldFiles checks that a migrated file of every earlier schema is intact and holds what
// the present code would have written.
func TestOldFiles(t *testing.T) {
	fresh := newStore(t)
	populate(t, fresh)
	want := content(t, fresh)
	for version := 1; version <= schemaVersion; version++ {
		path := filepath.Join(t.TempDir(), "checkpoint.db")
		unpack(t, filepath.Join("testdata", fmt.Sprintf("schema-%d.db.gz", version)), path)
		if version < schemaVersion {
			if _, err := OpenReadOnly(path); err == nil || !strings.Contains(err.Error(), "brings it up to date") {
				t.Errorf("schema %d opened for reading alone: %v", version, err)
			}
		}
		s, err := Open(path)
		if err != nil {
			t.Errorf("schema %d: %v", version, err)
			continue
		}
		if diff := cmp.Diff(want, content(t, s)); diff != "" {
			t.Errorf("schema %d (-fresh +migrated):\n%s", version, diff)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if report, err := Check(path); err != nil || len(report.Problems) > 0 || report.Schema != schemaVersion || report.Counts.Jobs != 61 || report.Counts.Requests != 2 {
			t.Errorf("schema %d: %+v, %v", version, report, err)
		}
		_, err = os.Stat(fmt.Sprintf("%s.schema-%d", path, version))
		if made := err == nil; made != (version < schemaVersion) {
			t.Errorf("schema %d: a backup before migration: %v", version, made)
		}
	}
}

// TestFailedMigrationChangesNothing checks that an old file with a record that is no JSON
// stays unchanged.
func TestFailedMigrationChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint.db")
	unpack(t, "testdata/schema-1.db.gz", path)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketCursors).Put([]byte("source"), []byte(`{"stage":`)) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	_, err = Open(path)
	if err == nil || !strings.Contains(err.Error(), "record cursors/source is no JSON") || !strings.Contains(err.Error(), "checkpoint.db.schema-1 is a copy") {
		t.Errorf("%v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before[:len(before)/2], after[:len(before)/2]) {
		t.Error("the file was changed")
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
