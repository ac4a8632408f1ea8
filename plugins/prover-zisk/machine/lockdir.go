package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// DefaultLockDir returns the directory in which provers of this user keep their locks
// unless the configuration names another. Only this user can write to it, and no program
// removes old files from it. Provers of several users that share cards need a common
// directory instead.
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
	// A home directory may be shared between machines, but cards are not.
	host, _ := os.Hostname()
	return filepath.Join(state, "proofline", "gpu-"+fileName(host))
}

// makeLockDir makes the directory if it does not exist, and returns its path without
// symbolic links. The default directory is private to this user.
func makeLockDir(dir string) (string, error) {
	mode := os.FileMode(0o755)
	if dir == DefaultLockDir() {
		mode = 0o700 // a user that can open a lock can also hold it
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

// checkPrivate fails if another user has made the directory or can write to it.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrLockDir, err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is %v and not a directory; remove it", ErrLockDir, dir, info.Mode().Type())
	case ownerID(info) != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to user %d; remove it", ErrLockDir, dir, ownerID(info))
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: other users can write to %s; chmod 700 %[2]s", ErrLockDir, dir)
	}
	return nil
}

// CheckLockDir makes the directory if it does not exist. It reports, with a remedy, why
// provers of this user cannot keep their locks in it (fatal), or that other users can
// remove the locks (not fatal). Without a problem all results are zero.
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
		return dir + " is not a directory", "remove it, or set `lock_dir` to a directory", true
	}
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Sprintf("the directory of the locks, %s, cannot be written (it belongs to user %d)", dir, ownerID(info)), LockDirRemedy(dir), true
	}
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0 {
		return "every user can remove the locks in " + dir, "sudo chmod 1777 " + dir, false
	}
	return "", "", false
}

// LockDirRemedy returns the remedy for a directory whose locks cannot be used.
func LockDirRemedy(dir string) string {
	return fmt.Sprintf("leave `lock_dir` out to have one of this user's own; to share the cards with another user's prover: sudo mkdir -p -m 1777 %s && sudo chmod 1777 %s", dir, dir)
}

func ownerID(info os.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}
