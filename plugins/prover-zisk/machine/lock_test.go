package machine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/plugins/prover-zisk/machine"
)

// tryLock asks for the cards without waiting long.
func tryLock(t *testing.T, dir string, gpus ...string) (*machine.Lock, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	return machine.AcquireGPUs(ctx, dir, gpus)
}

// TestLocksOutliveTheirFiles removes what is locked, as cleaners of temporary
// directories do with files that look forgotten.
func TestLocksOutliveTheirFiles(t *testing.T) {
	for name, tc := range map[string]struct {
		held, wanted []string
		remove       string // of the directory; empty for the directory itself
	}{
		"a card's file":                   {[]string{"0"}, []string{"0"}, "gpu-0.lock"},
		"the directory, all cards":        {nil, nil, ""},
		"the directory, one card":         {[]string{"0"}, []string{"0"}, ""},
		"the directory, one card and all": {[]string{"0"}, nil, ""},
		"the directory, all and one card": {nil, []string{"0"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "locks")
			held, err := tryLock(t, dir, tc.held...)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(dir, tc.remove)); err != nil {
				t.Fatal(err)
			}
			if other, err := tryLock(t, dir, tc.wanted...); !errors.Is(err, machine.ErrBusy) {
				t.Errorf("the same cards were locked twice: %v", err)
				if err == nil {
					other.Release()
				}
			}
			held.Release()
			after, err := tryLock(t, dir, tc.wanted...)
			if err != nil {
				t.Fatalf("after the release: %v", err)
			}
			after.Release()
		})
	}
}

// TestLocksOfAnotherKind has something else than a file where a lock belongs.
func TestLocksOfAnotherKind(t *testing.T) {
	dir := t.TempDir()
	for name, place := range map[string]func(path string) error{
		"pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
	} {
		path := filepath.Join(dir, "gpu-"+name+".lock")
		if err := place(path); err != nil {
			t.Fatal(err)
		}
		lock, err := machine.AcquireGPUs(t.Context(), dir, []string{name}) // does not wait
		if !errors.Is(err, machine.ErrLockDir) || errors.Is(err, machine.ErrBusy) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", name, lock, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := machine.AcquireGPUs(t.Context(), filepath.Join(dir, "file"), nil); !errors.Is(err, machine.ErrLockDir) {
		t.Errorf("a file in place of the directory: %v", err)
	}
}

// TestDefaultLockDir is one of the user alone, and nowhere where files are
// removed by age.
func TestDefaultLockDir(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "")
	dir := machine.DefaultLockDir()
	if os.Geteuid() == 0 {
		if dir != "/run/proofline/gpu" {
			t.Errorf("of root: %s", dir)
		}
		return
	}
	if !strings.HasPrefix(dir, filepath.Join(home, ".local", "state")) {
		t.Errorf("%s", dir)
	}
	lock, err := tryLock(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestDefaultLockDirOfOthers: the directory that is to be this user's own was made by
// somebody else, or in a way that lets others in.
func TestDefaultLockDirOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) error
		want string
	}{
		"open to all":  {func(t *testing.T, dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) }, "other users can write"},
		"a link":       {func(t *testing.T, dir string) error { return os.Symlink(t.TempDir(), dir) }, "not a directory"},
		"a named pipe": {func(t *testing.T, dir string) error { return unix.Mkfifo(dir, 0o600) }, "not a directory"},
		"of another user": {func(t *testing.T, dir string) error {
			if os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 4711, 4711))
		}, "belongs to user 4711"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "gpu")
			if err := c.make(t, dir); err != nil {
				t.Fatal(err)
			}
			if err := machine.CheckPrivate(dir); !errors.Is(err, machine.ErrLockDir) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	own := filepath.Join(t.TempDir(), "gpu")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := machine.CheckPrivate(own); err != nil {
		t.Error(err)
	}
}

func TestCheckLockDir(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		problem, remedy string
		fatal           bool
	}{
		filepath.Join(dir, "new"): {},
		file:                      {"not a directory", "lock_dir", true},
		"/proc/nowhere/at/all":    {"cannot be used", "leave `lock_dir` out", true},
		open:                      {"every user can remove", "chmod 1777", false},
	} {
		problem, remedy, fatal := machine.CheckLockDir(path)
		if (problem == "") != (want.problem == "") || !strings.Contains(problem, want.problem) || !strings.Contains(remedy, want.remedy) || fatal != want.fatal {
			t.Errorf("%s: %q, %q, %t", path, problem, remedy, fatal)
		}
	}
}
