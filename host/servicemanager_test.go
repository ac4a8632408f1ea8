package host

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestServiceManager runs a host as systemd does (sd_notify(3)) and checks that it notifies
// of its readiness, regularly of its liveness, and of its end.
func TestServiceManager(t *testing.T) {
	r := newRig(t, strings.Replace(whole, "to: 3", "to: 2", 1))
	// A short path: unix(7) allows 108 bytes.
	socket := filepath.Join(t.TempDir(), "n")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "300000")
	t.Setenv("WATCHDOG_PID", "")
	run := r.start(Options{})
	var heard []string
	until := func(what string) {
		t.Helper()
		buf := make([]byte, 4096)
		if err := manager.SetReadDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := manager.Read(buf)
			if err != nil {
				t.Fatalf("no %s; heard %q: %v", what, heard, err)
			}
			heard = append(heard, string(buf[:n]))
			if strings.Contains(string(buf[:n]), what) {
				return
			}
		}
	}
	until("READY=1")
	run.client()
	for range 3 {
		until("WATCHDOG=1")
	}
	until("2 done, 0 failed")
	run.soft()
	until("STOPPING=1")
	if _, err := run.wait(); err != nil {
		t.Fatal(err)
	}
}
