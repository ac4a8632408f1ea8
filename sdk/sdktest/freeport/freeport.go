// Package freeport reserves TCP ports for tests of programs that need the number of a
// port before they listen.
package freeport

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Take returns the first of n consecutive free TCP ports of the loopback interface, and
// reserves them against other tests, also of other processes, until the test ends. The
// ports lie below the range that Linux gives to outgoing connections, because such a
// connection could take a free port at any moment. If there are none the test fails.
func Take(t testing.TB, n int) int {
	t.Helper()
	for range 200 {
		first := 12_000 + rand.IntN(20_000)
		if reserve(t, first, n) {
			return first
		}
	}
	t.Fatalf("no %d free ports between 12000 and 32000", n)
	return 0
}

// reserve locks the lock file of every port, and reports whether all ports are free. The
// kernel releases the locks when the process ends, even if it was killed.
func reserve(t testing.TB, first, n int) bool {
	dir := filepath.Join(os.TempDir(), "proofline-test-ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var locks []*os.File
	release := func() {
		for _, l := range locks {
			_ = l.Close()
		}
	}
	for port := first; port < first+n; port++ {
		lock, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(port)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		locks = append(locks, lock)
		if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			var l net.Listener
			if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
				err = l.Close()
			}
		}
		if err != nil {
			release()
			return false
		}
	}
	t.Cleanup(release)
	return true
}
