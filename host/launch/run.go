package launch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/proofline/proofline/host/keeper"
)

// Run is one run of the host over a data directory: what all its plugin
// processes have in common.
type Run struct {
	ID       string // ULID
	Instance string // names the data directory, 16 hexadecimal digits
	Sockets  string // private directory for unix sockets
	Locks    string // directory of the instance locks

	// Keeper is the command line that starts a keeper, up to the word "keeper";
	// nil for the usual one.
	Keeper []string

	level atomic.Pointer[string] // that plugins are told; nil until it is changed

	mu         sync.Mutex
	substitute string                 // of Sockets, when that is gone for good
	shared     string                 // for sockets of plugins that run as other users; made when one is needed
	programs   map[string]*sync.Mutex // by digest, of the plugins that were started
}

// SetLogLevel names another log level to every plugin at its next call, Health
// included. It may be called concurrently.
func (r *Run) SetLogLevel(level slog.Level) {
	word := strings.ToLower(level.String())
	r.level.Store(&word)
}

func (r *Run) logLevel() string {
	if word := r.level.Load(); word != nil {
		return *word
	}
	return ""
}

// socketNote is the file beside the locks that names the socket directory, sharedNote
// that of plugins which run as other users.
const (
	socketNote = "sockets"
	sharedNote = "sockets-shared"
)

// maxSocketPath is the longest path of a unix socket, in bytes (unix(7), less
// the closing zero); socketRoom is what go-plugin appends to the directory:
// "/plugin-dir" and "/plugin", each with up to ten digits, and one to spare.
const (
	maxSocketPath = 107
	socketRoom    = 45
)

// OpenRun begins a run: it ends what an earlier run has left alive, which may
// take some seconds right after a crash, and makes an empty socket directory.
// The caller holds the checkpoint of the data directory, so that there is no
// other run. Close it when every plugin is stopped.
func OpenRun(ctx context.Context, data string, log *slog.Logger) (*Run, error) {
	locks, err := filepath.Abs(filepath.Join(data, "run"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(locks, 0o700); err != nil {
		return nil, fmt.Errorf("make the run directory: %w", err)
	}
	if locks, err = filepath.EvalSymlinks(locks); err != nil { // one name for one directory
		return nil, fmt.Errorf("find the run directory: %w", err)
	}
	sum := sha256.Sum256([]byte(locks))
	r := &Run{ID: ulid.Make().String(), Instance: hex.EncodeToString(sum[:8]), Locks: locks}
	sweep, cancel := context.WithTimeout(ctx, sweepLimit)
	defer cancel()
	killed, err := keeper.Sweep(sweep, keeper.Mark{Instance: r.Instance, Spare: r.ID}, terminateGrace+time.Second)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil { // their stages find the instance lock busy; the others can work
		log.Warn("clean up after an earlier run", "error", err)
	}
	if err := keeper.OwnProgram(); err != nil {
		log.Warn("keepers are started from the whole program, which holds more memory", "error", err)
	}
	if killed > 0 {
		log.Warn("killed processes that an earlier run had left", "count", killed)
	}
	forgetSockets(filepath.Join(r.Locks, sharedNote))
	if r.Sockets, err = openSockets(r.Instance, filepath.Join(r.Locks, socketNote)); err != nil {
		return nil, err
	}
	return r, nil
}

const sweepLimit = 30 * time.Second

// Close removes the socket directory, and copies of plugins that no stage uses any
// more.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.prunePrograms(), os.RemoveAll(r.Sockets), os.RemoveAll(cmp.Or(r.substitute, r.Sockets)), os.RemoveAll(cmp.Or(r.shared, r.Sockets)))
}

// SocketDir is where a socket is made that is needed now: by a plugin that starts, or
// by the host itself. Directories for
// passing files are cleared behind our back: the one of a login session when it
// ends, the one for temporary files by age. What runs is connected already; for
// what starts later the directory is made again, or another one.
func (r *Run) SocketDir() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dir := cmp.Or(r.substitute, r.Sockets); private(dir) {
		return dir, nil
	}
	if err := os.Mkdir(r.Sockets, 0o700); err == nil {
		r.substitute = ""
		return r.Sockets, nil
	}
	dir, err := openSockets(r.Instance, filepath.Join(r.Locks, socketNote))
	if err != nil {
		return "", err
	}
	r.substitute = dir
	return dir, nil
}

// lock is the path of a stage's instance lock.
func (r *Run) lock(stage string) string { return filepath.Join(r.Locks, stage+".lock") }

// openSockets makes an empty private directory that is short enough for unix
// sockets and notes it in the file, so that the next run can remove it.
func openSockets(instance, note string) (string, error) {
	forgetSockets(note)
	dir, err := makeSockets(instance)
	if err != nil {
		return "", fmt.Errorf("make a directory for sockets: %w", err)
	}
	return dir, noteSockets(dir, note)
}

// forgetSockets removes the directory that an earlier run has noted.
func forgetSockets(note string) {
	if old, err := os.ReadFile(note); err == nil {
		if dir := string(old); strings.HasPrefix(filepath.Base(dir), "proofline-") && owned(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

// noteSockets notes a new directory, or removes it when that fails or its path is too
// long.
func noteSockets(dir, note string) error {
	if len(dir)+socketRoom > maxSocketPath {
		_ = os.RemoveAll(dir)
		return fmt.Errorf("socket directory %s is too long (%d bytes, at most %d): set XDG_RUNTIME_DIR or TMPDIR to a shorter path",
			dir, len(dir), maxSocketPath-socketRoom)
	}
	if err := os.WriteFile(note, []byte(dir), 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return fmt.Errorf("note the directory for sockets: %w", err)
	}
	return nil
}

func makeSockets(instance string) (string, error) {
	if base := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(base) && private(base) {
		dir := filepath.Join(base, "proofline-"+instance)
		if len(dir)+socketRoom <= maxSocketPath {
			if err := os.RemoveAll(dir); err != nil {
				return "", err
			}
			err := os.Mkdir(dir, 0o700)
			if err == nil || !errors.Is(err, fs.ErrPermission) {
				return dir, err
			}
		}
	}
	return os.MkdirTemp("", "proofline-") // 0700
}
