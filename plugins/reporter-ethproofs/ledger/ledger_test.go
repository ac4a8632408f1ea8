package ledger

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

var target = Target{URL: "https://ethproofs.org/api/v0", Cluster: 1, Version: 3}

func opened(t *testing.T, path string) *Ledger {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEntriesSurviveAndAreApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := opened(t, path)
	hash := contract.Hash{1}
	if _, err := l.Update(target, 7, func(e *Entry) { e.MarkSent(ethproofs.Proved, hash) }); err != nil {
		t.Fatal(err)
	}
	if err := l.SetVersion(target.URL, 1, 3); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = opened(t, path)
	defer l.Close()
	entry, err := l.Entry(target, 7)
	if err != nil || entry.Reached != ethproofs.Proved || len(entry.Sent) != 1 || entry.Sent[0] != hash || entry.Hash != hash {
		t.Errorf("%+v, %v", entry, err)
	}
	if version, err := l.Version(target.URL, 1); err != nil || version != 3 {
		t.Errorf("version %d, %v", version, err)
	}
	for _, other := range []Target{{target.URL, 1, 4}, {target.URL, 2, 3}, {"https://staging.test/api/v0", 1, 3}} {
		if entry, err := l.Entry(other, 7); err != nil || entry.Reached != 0 {
			t.Errorf("%s: %+v, %v", other, entry, err)
		}
		if version, err := l.Version(other.URL, 2); err != nil || version != 0 {
			t.Errorf("version of %s: %d, %v", other.URL, version, err)
		}
	}
}

func TestOpenBlocks(t *testing.T) {
	l := opened(t, filepath.Join(t.TempDir(), "ledger.db"))
	defer l.Close()
	announced := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	hash := contract.Hash{1}
	for number := range uint64(4) {
		_, err := l.Update(target, number, func(e *Entry) {
			e.MarkSent(ethproofs.Queued, hash)
			e.MarkAcknowledged(ethproofs.Queued, hash, 5, announced.Add(time.Duration(number)*time.Minute))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	change := func(number uint64, fn func(*Entry)) {
		t.Helper()
		if _, err := l.Update(target, number, fn); err != nil {
			t.Fatal(err)
		}
	}
	change(0, func(e *Entry) { e.MarkAcknowledged(ethproofs.Proved, hash, 5, announced) })
	change(1, func(e *Entry) { e.Failed = true })
	found, err := l.OpenBlocks(target, announced.Add(3*time.Minute))
	if err != nil || len(found) != 1 || found[0].Number != 2 || !found[0].Since.Equal(announced.Add(2*time.Minute)) {
		t.Errorf("%+v, %v", found, err)
	}
	// A block that is taken up again owes its proof again.
	change(1, func(e *Entry) { e.MarkSent(ethproofs.Proving, hash) })
	if found, err = l.OpenBlocks(target, announced.Add(3*time.Minute)); err != nil || len(found) != 2 {
		t.Errorf("%+v, %v", found, err)
	}

	later := time.Now().Add(time.Hour)
	if n, err := l.Prune(later); err != nil || n != 1 {
		t.Errorf("pruned %d, %v; want the proved block only", n, err)
	}
	if entry, _ := l.Entry(target, 2); entry.Reached != ethproofs.Queued {
		t.Error("an open block was pruned")
	}
}

func TestRefusedProofCountsAsNotSent(t *testing.T) {
	var e Entry
	e.MarkSent(ethproofs.Proved, contract.Hash{1})
	e.MarkSent(ethproofs.Proved, contract.Hash{2})
	e.MarkSent(ethproofs.Proved, contract.Hash{2})
	e.MarkRefused(contract.Hash{2})
	if len(e.Sent) != 1 || e.Sent[0] != (contract.Hash{1}) {
		t.Errorf("%v", e.Sent)
	}
}

func TestDamagedFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, []byte("this is no database, but long enough to be read as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}
