package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLockHolders reads a table as Linux 6.6 writes it, with locks of other kinds and one
// that is waited for, and the table of this machine, in which this process holds a lock.
func TestLockHolders(t *testing.T) {
	table := filepath.Join(t.TempDir(), "locks")
	if err := os.WriteFile(table, []byte(`1: POSIX  ADVISORY  WRITE 99 00:1b:1234 0 EOF
2: FLOCK  ADVISORY  WRITE 4711 fe:00:10012573 0 EOF
2: -> FLOCK  ADVISORY  WRITE 4712 fe:00:10012573 0 EOF
3: FLOCK  ADVISORY  READ  815 00:17:1011 0 EOF
4: FLOCK  ADVISORY  WRITE 4711 fe:00:10016423 0 EOF
5: OFDLCK ADVISORY  READ  -1 00:06:1035 0 EOF
`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := lockHolders(table); !slices.Equal(got, []string{"4711", "815"}) {
		t.Errorf("holders %q", got)
	}
	if got := lockHolders(filepath.Join(t.TempDir(), "none")); !slices.Equal(got, []string{"[0-9]*"}) {
		t.Errorf("without a table: %q, want every process", got)
	}

	path := filepath.Join(t.TempDir(), "gpu-0.lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if got := lockHolders("/proc/locks"); !slices.Contains(got, strconv.Itoa(os.Getpid())) {
		t.Errorf("this process holds a lock and is not among %q", got)
	}
	if heldDeleted(path, unix.LOCK_EX) {
		t.Error("a lock that is at its place counts as removed")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if !heldDeleted(path, unix.LOCK_EX) {
		t.Error("a lock that was removed while it is held is not found")
	}
}

// TestReleaseWakesTheNext: who waits in the same process for a lock that was given back has
// it before it would have looked again.
func TestReleaseWakesTheNext(t *testing.T) {
	dir := t.TempDir()
	first, err := AcquireGPUs(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *Lock)
	go func() {
		next, err := AcquireGPUs(t.Context(), dir, nil)
		if err != nil {
			t.Error(err)
		}
		got <- next
	}()
	woken := released.next()
	select {
	case <-got:
		t.Fatal("two have the cards")
	case <-time.After(20 * time.Millisecond):
	}
	first.Release()
	<-woken
	(<-got).Release()
}

// TestSettled: who holds what was removed is looked for once, and again when the file is
// another one, was changed, or is to be locked for oneself after it was shared.
func TestSettled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gpu-0.lock")
	known := func(how int) bool {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		before, ok := checked.Load(path)
		return ok && before.(fileState).covers(stateOf(info, how))
	}
	lock := func(how int) {
		t.Helper()
		l := &Lock{ended: make(chan struct{})}
		if err := l.add(t.Context(), path, false, how); err != nil {
			t.Fatal(err)
		}
		l.Release()
	}
	lock(unix.LOCK_SH)
	if !known(unix.LOCK_SH) || known(unix.LOCK_EX) {
		t.Errorf("after a shared lock: known for shared ones %t, for exclusive ones %t", known(unix.LOCK_SH), known(unix.LOCK_EX))
	}
	lock(unix.LOCK_EX)
	if !known(unix.LOCK_SH) || !known(unix.LOCK_EX) {
		t.Error("not known after an exclusive lock")
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if known(unix.LOCK_EX) {
		t.Error("known although the file was changed")
	}
	lock(unix.LOCK_EX)
	other := path + ".new"
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if known(unix.LOCK_EX) {
		t.Error("known although the path leads to another file")
	}
	if (fileState{}).covers(fileState{}) {
		t.Error("known of a file system that says nothing of its files")
	}
}
