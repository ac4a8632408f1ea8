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

// Lock holds the cards of a set for one run. Whoever holds it may take all
// their memory.
type Lock struct {
	files []*os.File
	once  sync.Once
	ended chan struct{} // closed by Release
	wait  sync.WaitGroup
	// Waited is how long it took to get.
	Waited time.Duration
}

// ErrBusy says that another process holds a card of the set.
var ErrBusy = errors.New("in use by another prover")

// ErrLockDir says that the directory of the locks, or what lies in it, cannot be
// used.
var ErrLockDir = errors.New("the locks of the GPUs cannot be used")

// touchInterval is how often a holder touches its files, so that no cleaner
// takes them for forgotten.
const touchInterval = 10 * time.Minute

// AcquireGPUs locks the cards, each by its own file in dir, which all provers
// of a machine share; no card named means all of them. It waits until ctx ends.
// The lock ends with Release, or with the process.
//
// A prover of single cards shares the directory and has one file per card to
// itself; a prover of all cards has the directory to itself. Cards are taken in
// one order, so that two provers never wait for each other. A file that is
// removed while it is held still locks for every prover of the same user; a
// directory that is locked is left alone by systemd-tmpfiles.
// Source: tmpfiles.d(5), "Age": directories with a BSD lock are skipped.
func AcquireGPUs(ctx context.Context, dir string, gpus []string) (*Lock, error) {
	dir, err := makeLockDir(dir)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	l := &Lock{ended: make(chan struct{})}
	how := unix.LOCK_EX
	if len(gpus) > 0 {
		how = unix.LOCK_SH
	}
	if err := l.add(ctx, dir, true, how); err != nil {
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

// add opens and locks a file or a directory. The lock counts only when the path
// still leads to what was locked, and nobody holds what the path led to before.
func (l *Lock) add(ctx context.Context, path string, directory bool, how int) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		again := released.next()
		file, err := openLock(path, directory)
		if err != nil {
			return err
		}
		held, err := tryLock(file, path, how)
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

// released tells those who wait in this process that one of its locks was given back, so
// that the next proof of a stage need not find that out by looking. Other processes look.
var released broadcast

// broadcast wakes all who wait, again and again. The zero value is ready for use.
type broadcast struct {
	mu sync.Mutex
	c  chan struct{} // closed by the next wake; nil while nobody waits
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

// openLock opens a lock without waiting, whatever lies there: the directory may
// be one that everyone writes to. It follows no symbolic link, and takes nothing
// but a regular file or, for a directory, a directory.
func openLock(path string, directory bool) (*os.File, error) {
	flags := os.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC | unix.O_NONBLOCK
	file, err := os.OpenFile(path, flags, 0)
	if errors.Is(err, os.ErrNotExist) && !directory {
		if file, err = os.OpenFile(path, flags|os.O_CREATE, 0o644); err == nil {
			err = file.Chmod(0o644) // readable, and so lockable, by other users whatever the umask
			if errors.Is(err, unix.EPERM) {
				err = nil // another user was faster
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLockDir, err)
	}
	info, err := file.Stat()
	if err == nil && (directory != info.IsDir() || !directory && !info.Mode().IsRegular()) {
		err = fmt.Errorf("%s is no lock: it is %v; remove it", path, info.Mode().Type())
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%w: %w", ErrLockDir, err)
	}
	return file, nil
}

// tryLock locks a file that was opened at the path, and reports false while
// somebody else holds it.
func tryLock(file *os.File, path string, how int) (bool, error) {
	err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
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
	there, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(locked, there) {
		return false, nil // it was removed between opening and locking
	}
	if err != nil {
		return false, err
	}
	now := stateOf(locked, how)
	if before, ok := settled.Load(path); ok && before.(state).holds(now) {
		return true, nil
	}
	if heldDeleted(path, how) {
		return false, nil
	}
	settled.Store(path, now)
	return true, nil
}

// settled holds, by its path, the state in which a file or a directory was when this process
// had locked it and nobody held a lock on anything that had lain at the path before. To find
// that out takes longer than all else between two proofs (the kernel waits for all processors
// before it shows its table of locks), and it stays true while the state is the same: whoever
// locks something that is removed later has locked what the path led to then.
var settled sync.Map

// state tells whether a path has led to the same file or directory all the time: an inode's
// change time moves on when it is removed or renamed, and is another one where a number is
// used again.
type state struct {
	device, inode uint64
	changed       syscall.Timespec
	how           int
}

func stateOf(info os.FileInfo, how int) state {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return state{}
	}
	return state{device: s.Dev, inode: s.Ino, changed: s.Ctim, how: how}
}

// holds reports whether what was found out in one state is true in another. Of a shared
// lock less was looked for than of an exclusive one.
func (s state) holds(now state) bool {
	if s.how == unix.LOCK_EX {
		s.how = now.how
	}
	return s == now && s != state{how: s.how}
}

// heldDeleted reports whether a process holds a lock, against which this one
// would have to wait, on a file that lay at the path and was removed from there.
// Processes of other users are not seen.
func heldDeleted(path string, how int) bool {
	gone := path + " (deleted)"
	var links []string
	for _, pid := range lockHolders("/proc/locks") {
		opened, _ := filepath.Glob(fmt.Sprintf("/proc/%s/fd/[0-9]*", pid))
		links = append(links, opened...)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != gone {
			continue
		}
		// lock:	1: FLOCK  ADVISORY  WRITE 4711 00:1f:2f 0 EOF
		info, err := os.ReadFile(strings.Replace(link, "/fd/", "/fdinfo/", 1))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(info)) {
			if strings.HasPrefix(line, "lock:") && strings.Contains(line, "FLOCK") && (how == unix.LOCK_EX || strings.Contains(line, "WRITE")) {
				return true
			}
		}
	}
	return false
}

// lockHolders lists the processes that a table of locks names as holders of an flock, and
// "[0-9]*" for all where there is no table. Files are locked by few processes; to look at
// what each process of a busy machine has open takes longer than anything else that a
// prover does between two proofs.
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

// touch keeps the files young until the lock ends.
func (l *Lock) touch() {
	for ticker := time.NewTicker(touchInterval); ; {
		select {
		case <-l.ended:
			ticker.Stop()
			return
		case <-ticker.C:
			now := time.Now()
			for _, file := range l.files {
				// Of another user's file it fails, and that user's prover does it.
				_ = os.Chtimes("/proc/self/fd/"+strconv.Itoa(int(file.Fd())), now, now)
			}
		}
	}
}

// Release gives the cards back. It may be called more than once.
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

// fileName keeps what an index or a UUID is made of.
func fileName(gpu string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '_'
	}, gpu)
}
