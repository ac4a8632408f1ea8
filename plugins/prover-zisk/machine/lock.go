package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Lock holds a set of cards for one run. The holder may use all memory of the cards.
type Lock struct {
	files []*os.File
	once  sync.Once
	ended chan struct{} // closed by Release
	wait  sync.WaitGroup
	// Waited is how long AcquireGPUs waited for the lock.
	Waited time.Duration
}

// ErrBusy means that another process holds a card of the set.
var ErrBusy = errors.New("in use by another prover")

// ErrLockDir means that the directory of the locks, or a file in it, cannot be used.
var ErrLockDir = errors.New("the locks of the GPUs cannot be used")

// touchInterval is the time between two updates of the time stamps of held files, so that
// no program that removes old files removes them.
const touchInterval = 10 * time.Minute

// AcquireGPUs locks cards by files in dir, the directory that all provers of a machine
// share. Without a name it locks all cards. It waits until ctx ends. The lock ends with
// Release, or with the process. The error wraps ErrBusy or ErrLockDir.
//
// A prover of single cards holds a shared lock of the directory and an exclusive lock of
// one file for each card. A prover of all cards holds an exclusive lock of the directory.
// Cards are locked in one order, so that two provers never wait for each other. A file
// that is removed while it is held still excludes every other prover of the same user.
// systemd-tmpfiles removes nothing from a locked directory.
// Source: tmpfiles.d(5), "Age": directories with a BSD lock are skipped.
func AcquireGPUs(ctx context.Context, dir string, gpus []string) (*Lock, error) {
	dir, err := makeLockDir(dir)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	l := &Lock{ended: make(chan struct{})}
	mode := unix.LOCK_EX
	if len(gpus) > 0 {
		mode = unix.LOCK_SH
	}
	if err := l.add(ctx, dir, true, mode); err != nil {
		l.Release()
		return nil, fmt.Errorf("the machine's GPUs: %w", err)
	}
	gpus = slices.Compact(slices.Sorted(slices.Values(gpus)))
	for _, gpu := range gpus {
		if err := l.add(ctx, filepath.Join(dir, "gpu-"+fileName(gpu)+".lock"), false, unix.LOCK_EX); err != nil {
			l.Release()
			return nil, fmt.Errorf("GPU %s: %w", gpu, err)
		}
	}
	l.Waited = time.Since(start)
	l.wait.Go(l.touch)
	return l, nil
}

// add opens and locks a file or a directory, in the mode LOCK_EX or LOCK_SH. The lock is
// valid only if the path still leads to the locked file, and if no process holds a file
// to which the path led before.
func (l *Lock) add(ctx context.Context, path string, directory bool, mode int) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		again := released.next()
		file, err := openLock(path, directory)
		if err != nil {
			return err
		}
		held, err := tryLock(file, path, mode)
		if err == nil && held {
			l.files = append(l.files, file)
			return nil
		}
		file.Close()
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrLockDir, path, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%s): %w", ErrBusy, path, context.Cause(ctx))
		case <-again:
			wait = time.Millisecond
		case <-time.After(wait):
		}
	}
}

// released wakes the waiting calls of AcquireGPUs in this process when one of its locks
// is released, so that the next proof of a stage starts at once. Other processes poll.
var released broadcast

// broadcast wakes all goroutines that wait for its next event. The zero value is ready for
// use.
type broadcast struct {
	mu sync.Mutex
	c  chan struct{} // closed by the next wake; nil while no goroutine waits
}

// next returns a channel that the next wake closes.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		b.c = make(chan struct{})
	}
	return b.c
}

func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c != nil {
		close(b.c)
		b.c = nil
	}
}

// openLock opens the file of a lock, and makes it if it does not exist. Because every
// user may be able to write to the directory, it never blocks, follows no symbolic link,
// and accepts only a regular file or, if directory is set, a directory.
func openLock(path string, directory bool) (*os.File, error) {
	flags := os.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
	file, err := os.OpenFile(path, flags, 0)
	if errors.Is(err, os.ErrNotExist) && !directory {
		if file, err = os.OpenFile(path, flags|os.O_CREATE, 0o644); err == nil {
			err = file.Chmod(0o644) // other users can lock what they can read, whatever the umask
			if errors.Is(err, unix.EPERM) {
				err = nil // another user has made the file in the meantime
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLockDir, err)
	}
	info, err := file.Stat()
	if err == nil && (directory != info.IsDir() || !directory && !info.Mode().IsRegular()) {
		err = fmt.Errorf("%s is not a lock: it is %v; remove it", path, info.Mode().Type())
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%w: %w", ErrLockDir, err)
	}
	return file, nil
}

// tryLock locks a file that was opened at the path. It reports false if another process
// holds the lock.
func tryLock(file *os.File, path string, mode int) (bool, error) {
	err := unix.Flock(int(file.Fd()), mode|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	locked, err := file.Stat()
	if err != nil {
		return false, err
	}
	current, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(locked, current) {
		return false, nil // the file was removed between opening and locking
	}
	if err != nil {
		return false, err
	}
	state := stateOf(locked, mode)
	if before, ok := checked.Load(path); ok && before.(fileState).covers(state) {
		return true, nil
	}
	if heldDeleted(path, mode) {
		return false, nil
	}
	checked.Store(path, state)
	return true, nil
}

// checked holds, by path, the state of a file or directory at the time when this process had
// locked it and heldDeleted was false. The result of heldDeleted stays valid while the state
// is the same, because a file that is removed later is the file that the path led to then.
// It is kept because heldDeleted takes longer than all other steps between two proofs: the
// kernel waits for all processors before it shows its table of locks.
var checked sync.Map

// fileState shows whether a path still leads to the same file or directory. The change time
// of an inode changes when the file is removed or renamed, and when its number is used again.
type fileState struct {
	device, inode uint64
	changed       syscall.Timespec
	mode          int // LOCK_EX or LOCK_SH
}

// stateOf returns the state of a file that is locked in a mode, and the zero state where it
// is not known.
func stateOf(info os.FileInfo, mode int) fileState {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileState{}
	}
	return fileState{device: s.Dev, inode: s.Ino, changed: s.Ctim, mode: mode}
}

// covers reports whether the result for state s is valid for another state. The check for
// an exclusive lock includes that for a shared one. The zero state covers nothing.
func (s fileState) covers(other fileState) bool {
	if s.mode == unix.LOCK_EX {
		s.mode = other.mode
	}
	return s == other && s != fileState{mode: s.mode}
}

// heldDeleted reports whether a process holds a conflicting lock of a file that was removed
// from the path. It does not see the processes of other users.
func heldDeleted(path string, mode int) bool {
	deleted := path + " (deleted)"
	var links []string
	for _, pid := range lockHolders("/proc/locks") {
		opened, _ := filepath.Glob(fmt.Sprintf("/proc/%s/fd/[0-9]*", pid))
		links = append(links, opened...)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != deleted {
			continue
		}
		// lock:	1: FLOCK  ADVISORY  WRITE 4711 00:1f:2f 0 EOF
		info, err := os.ReadFile(strings.Replace(link, "/fd/", "/fdinfo/", 1))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(info)) {
			if strings.HasPrefix(line, "lock:") && strings.Contains(line, "FLOCK") && (mode == unix.LOCK_EX || strings.Contains(line, "WRITE")) {
				return true
			}
		}
	}
	return false
}

// lockHolders returns the ids of the processes that hold an flock according to a table of
// locks, or the pattern "[0-9]*" for all processes if there is no table. Few processes
// hold locks. Reading the open files of every process of a busy machine would take longer
// than anything else that a prover does between two proofs.
//
// Source: proc_locks(5): "1: FLOCK  ADVISORY  WRITE 4711 00:1f:2f 0 EOF".
func lockHolders(table string) []string {
	text, err := os.ReadFile(table)
	if err != nil {
		return []string{"[0-9]*"}
	}
	var pids []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && fields[1] == "FLOCK" && !slices.Contains(pids, fields[4]) {
			pids = append(pids, fields[4])
		}
	}
	return pids
}

// touch updates the time stamps of the files until the lock ends.
func (l *Lock) touch() {
	for ticker := time.NewTicker(touchInterval); ; {
		select {
		case <-l.ended:
			ticker.Stop()
			return
		case <-ticker.C:
			now := time.Now()
			for _, file := range l.files {
				// It fails for another user's file, which that user's prover touches.
				_ = os.Chtimes("/proc/self/fd/"+strconv.Itoa(int(file.Fd())), now, now)
			}
		}
	}
}

// Release releases the cards. It may be called more than once.
func (l *Lock) Release() {
	l.once.Do(func() {
		close(l.ended)
		l.wait.Wait()
		for _, file := range l.files {
			file.Close()
		}
		released.wake()
	})
}

// fileName replaces the characters that occur neither in an index nor in a UUID.
func fileName(gpu string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '_'
	}, gpu)
}
