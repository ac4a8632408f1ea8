package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Lock holds the cards of a set for one run. Whoever holds it may take all
// their memory.
type Lock struct {
	files []*os.File
	// Waited is how long it took to get.
	Waited time.Duration
}

// ErrBusy says that another process holds a card of the set.
var ErrBusy = errors.New("in use by another prover")

// AcquireGPUs locks the cards, each by its own file in dir, which all provers
// of a machine share; no card named means all of them. It waits until ctx ends.
// The lock ends with Release, or with the process.
//
// A prover of single cards shares the file "all" and has one file per card to
// itself; a prover of all cards has the file "all" to itself. Cards are taken
// in one order, so that two provers never wait for each other.
func AcquireGPUs(ctx context.Context, dir string, gpus []string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	start := time.Now()
	l := &Lock{}
	how := unix.LOCK_EX
	if len(gpus) > 0 {
		how = unix.LOCK_SH
	}
	if err := l.add(ctx, filepath.Join(dir, "all.lock"), how); err != nil {
		l.Release()
		return nil, fmt.Errorf("the machine's GPUs: %w", err)
	}
	gpus = slices.Compact(slices.Sorted(slices.Values(gpus)))
	for _, gpu := range gpus {
		if err := l.add(ctx, filepath.Join(dir, "gpu-"+fileName(gpu)+".lock"), unix.LOCK_EX); err != nil {
			l.Release()
			return nil, fmt.Errorf("GPU %s: %w", gpu, err)
		}
	}
	l.Waited = time.Since(start)
	return l, nil
}

// add opens and locks a file. It never creates through a symbolic link: the
// directory may be one that everyone writes to.
func (l *Lock) add(ctx context.Context, path string, how int) error {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) {
		file, err = os.OpenFile(path, os.O_RDONLY|os.O_CREATE|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o666)
	}
	if err != nil {
		return err
	}
	l.files = append(l.files, file)
	for wait := time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("%s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%s): %w", ErrBusy, path, context.Cause(ctx))
		case <-time.After(wait):
		}
	}
}

// Release gives the cards back. It may be called more than once.
func (l *Lock) Release() {
	for _, file := range l.files {
		file.Close()
	}
	l.files = nil
}

// fileName keeps what an index or a UUID is made of.
func fileName(gpu string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '_'
	}, gpu)
}
