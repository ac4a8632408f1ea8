package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

func init() {
	if mount := os.Getenv("CHECKPOINT_TEST_MOUNT"); mount != "" {
		if err := onTinyDisk(mount); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if path := os.Getenv("CHECKPOINT_TEST_LIMIT"); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 20 << 10, Max: 1 << 40}
		if err := writeUntilFull(path, func(free bool) error {
			if limit.Cur = 300 << 10; free {
				limit.Cur = 1 << 40
			}
			return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// writeUntilFull commits until the disk is full, frees space, and goes on. Exactly the
// acknowledged commits must be in the file.
func writeUntilFull(path string, room func(free bool) error) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	if err := room(false); err != nil {
		return err
	}
	var n, failures uint64
	for freed := false; n < 600; {
		rec := block(n+1, 0, status.JobWaiting)
		rec.Reason = strings.Repeat("x", 900)
		err := s.Commit(record.Change{Jobs: []*record.Job{rec}, Cursor: &record.Cursor{Stage: "source", Head: n + 1}, Events: []record.Event{event("r", rec, contract.EventQueued)}})
		switch {
		case err == nil:
			n++
			continue
		case freed:
			return fmt.Errorf("there is room again, yet: %w", err)
		case errors.Is(err, syscall.ENOSPC) && !strings.Contains(err.Error(), "make room on the disk"):
			return fmt.Errorf("no remedy in %w", err)
		}
		if failures++; failures < 3 {
			continue // the host tries again, too
		}
		if active, err := s.Active(); err != nil || uint64(len(active)) != n {
			return fmt.Errorf("%d jobs of %d while the disk is full, %w", len(active), n, err)
		}
		if err := room(true); err != nil {
			return err
		}
		freed = true
	}
	if err := s.Close(); err != nil {
		return err
	}
	if failures == 0 {
		return errors.New("the disk never was full")
	}
	report, err := Check(path)
	if err != nil || len(report.Problems) > 0 || report.Counts.Jobs != int(n) || report.Counts.Events != int(n) {
		return fmt.Errorf("%+v, %w; want %d jobs", report, err, n)
	}
	return nil
}

// onTinyDisk runs the test in a mount namespace of its own.
func onTinyDisk(mount string) error {
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=400k"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	path := filepath.Join(mount, "checkpoint.db")
	err := writeUntilFull(path, func(free bool) error {
		if free {
			return syscall.Mount("", mount, "", syscall.MS_REMOUNT, "size=64m")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := syscall.Mount("", mount, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount read-only: %w", err)
	}
	for _, path := range []string{path, filepath.Join(mount, "new", "checkpoint.db")} {
		if _, err := Open(path); contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "mount the file system writable") {
			return fmt.Errorf("%s opened on a read-only disk: %w", path, err)
		}
	}
	s, err := OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer s.Close()
	if active, err := s.Active(); err != nil || len(active) != 600 {
		return fmt.Errorf("%d jobs read from a read-only disk, %w", len(active), err)
	}
	if err := s.Backup(path + ".backup"); contract.ClassOf(err) != contract.ClassEnvironment {
		return fmt.Errorf("backup on a read-only disk: %w", err)
	}
	return nil
}

func child(t *testing.T, env string, attributes *syscall.SysProcAttr) error {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.SysProcAttr = append(os.Environ(), env), attributes
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) > 0 {
		t.Error(string(out))
	}
	return err
}

// TestFullDisk checks that a commit on a full disk changes nothing, and that commits
// succeed again once there is space.
func TestFullDisk(t *testing.T) {
	if err := child(t, "CHECKPOINT_TEST_LIMIT="+filepath.Join(t.TempDir(), "checkpoint.db"), nil); err != nil {
		t.Error(err)
	}
}

// TestTinyDisk does the same as TestFullDisk on a full and on a read-only file system. It
// is skipped when the user may not mount one.
func TestTinyDisk(t *testing.T) {
	err := child(t, "CHECKPOINT_TEST_MOUNT="+t.TempDir(), &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	})
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		t.Skipf("user namespaces, which a file system of its own needs, are not there: %v", err)
	}
	if err != nil {
		t.Error(err)
	}
}
