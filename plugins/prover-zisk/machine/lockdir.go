package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// DefaultLockDir is where provers of this user keep their locks unless they are
// told otherwise: a directory that only this user writes to and that nobody
// cleans by age. Provers of several users that share cards need one directory in
// common.
func DefaultLockDir() string {
	if os.Geteuid() == 0 {
		return "/run/proofline/gpu"
	}
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return filepath.Join(os.TempDir(), fmt.Sprintf("proofline-gpu-%d", os.Geteuid()))
		}
		state = filepath.Join(home, ".local", "state")
	}
	// A home directory may be shared between machines, cards are not.
	host, _ := os.Hostname()
	return filepath.Join(state, "proofline", "gpu-"+fileName(host))
}

// makeLockDir makes the directory where it is not there, and returns its path
// without symbolic links. Only its last element may be the directory that provers
// share; the default one is for this user alone.
func makeLockDir(dir string) (string, error) {
	mode := os.FileMode(0o755)
	if dir == DefaultLockDir() {
		mode = 0o700 // who can open a lock can hold it
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("%w: %w", ErrLockDir, err)
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("%w: %w", ErrLockDir, err)
	}
	if mode == 0o700 {
		if err := checkPrivate(dir); err != nil {
			return "", err
		}
	}
	path, err := filepath.Abs(dir)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrLockDir, err)
	}
	return path, nil
}

// checkPrivate makes sure that nobody else has made the directory that is to be this
// user's own, or can put something into it.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrLockDir, err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is %v, no directory; remove it", ErrLockDir, dir, info.Mode().Type())
	case ownerID(info) != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to user %d; remove it", ErrLockDir, dir, ownerID(info))
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: other users can write to %s; chmod 700 %[2]s", ErrLockDir, dir)
	}
	return nil
}

// CheckLockDir reports why provers of this user cannot keep their locks in the
// directory, with what helps; and, as a warning, who else can remove them. The
// directory is made where it is not there.
func CheckLockDir(dir string) (problem, remedy string, fatal bool) {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := makeLockDir(dir); err != nil {
			return err.Error(), LockDirRemedy(dir), true
		}
		return "", "", false
	}
	switch {
	case err != nil:
		return err.Error(), LockDirRemedy(dir), true
	case !info.IsDir():
		return dir + " is no directory", "remove it, or set `lock_dir` to a directory", true
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Sprintf("the directory of the locks, %s, cannot be written (it belongs to user %d)", dir, ownerID(info)), LockDirRemedy(dir), true
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
		return "every user can remove the locks in " + dir, "sudo chmod 1777 " + dir, false
	}
	return "", "", false
}

// LockDirRemedy says what helps when the locks in the directory cannot be used.
func LockDirRemedy(dir string) string {
	return fmt.Sprintf("leave `lock_dir` out to have one of this user's own; to share the cards with another user's prover: sudo mkdir -p -m 1777 %s && sudo chmod 1777 %s", dir, dir)
}

func ownerID(info os.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}
