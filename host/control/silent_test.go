package control

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/procfs"
)

// TestFrozenHost checks that a command does not wait for ever for a host that is stopped,
// and that the error names the remedy.
func TestFrozenHost(t *testing.T) {
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	if err := sleeper.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for {
		if stat, err := procfs.ReadStat(sleeper.Process.Pid); err == nil && stat.State == 'T' {
			break
		}
		time.Sleep(time.Millisecond)
	}
	data := t.TempDir()
	socket := filepath.Join(data, "s")
	listener, err := net.Listen("unix", socket) // connections queue up, as with a stopped host
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := Announce(data, Record{PID: sleeper.Process.Pid, Socket: socket}); err != nil {
		t.Fatal(err)
	}
	_, err = Dial(t.Context(), data)
	silent, ok := errors.AsType[*SilentError](err)
	if !ok || silent.PID != sleeper.Process.Pid || contract.ClassOf(err) != contract.ClassEnvironment {
		t.Fatalf("%v (%s)", err, contract.ClassOf(err))
	}
	for _, want := range []string{"has not answered within 5s", "stopped", fmt.Sprintf("kill -CONT %d", sleeper.Process.Pid)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %q", want, err)
		}
	}
}

// TestSocketIsMadeAgain checks that a server answers at a new socket after the directory of
// the first was removed.
func TestSocketIsMadeAgain(t *testing.T) {
	data, dir := t.TempDir(), filepath.Join(t.TempDir(), "run")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	s, err := Serve(socket, &host{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once more at a place where one is
		if err := s.Listen(socket); err != nil {
			t.Fatal(err)
		}
		if _, err := Announce(data, Record{PID: os.Getpid(), Socket: socket}); err != nil {
			t.Fatal(err)
		}
		c, err := Dial(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

// TestOtherUser checks that the error names the owner of a data directory that the user may
// not enter.
func TestOtherUser(t *testing.T) {
	err := otherUser("/nowhere/at/all", os.ErrPermission)
	if !strings.Contains(err.Error(), "belongs to another user") || !strings.Contains(err.Error(), "sudo -u root proofline") || contract.ClassOf(err) != contract.ClassEnvironment {
		t.Errorf("%v", err)
	}
}
