package keeper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is the pause between two attempts to take a busy lock. A blocking flock
// could not be interrupted.
const lockPoll = 10 * time.Millisecond

// takeLock takes the instance lock. It writes the keeper's process id into the file, for
// messages about a busy lock. It fails after wait, or when stop closes.
func takeLock(path string, wait time.Duration, stop <-chan struct{}) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the instance lock: %w", err)
	}
	timeout := time.After(wait)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, fmt.Errorf("take the instance lock %s: %w", path, err)
		}
		select {
		case <-time.After(lockPoll):
		case <-stop:
			f.Close()
			return nil, fmt.Errorf("stopped while the instance lock %s was busy", path)
		case <-timeout:
			f.Close()
			return nil, busyError(path)
		}
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

// WaitFree waits until no process of an earlier tree holds the instance lock. If ctx
// ends before, the error names the lock and wraps ErrBusy. A lock that does not exist
// is free.
func WaitFree(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the instance lock: %w", err)
	}
	defer f.Close()
	for {
		// A shared lock, so that two callers of WaitFree do not disturb each other.
		err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("look at the instance lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			return busyError(path)
		case <-time.After(lockPoll):
		}
	}
}

// ErrBusy is wrapped by errors about an instance lock that stays busy.
var ErrBusy = errors.New("processes of an earlier start are still alive")

func busyError(path string) error {
	owner := ""
	if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
		owner = fmt.Sprintf(", taken by keeper %s", strings.TrimSpace(string(text)))
	}
	return fmt.Errorf("instance lock %s is busy%s: %w (\"fuser -v %s\" lists them)", path, owner, ErrBusy, path)
}
