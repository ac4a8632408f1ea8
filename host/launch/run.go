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

// Run is one run of the host with a data directory. It holds what the plugin processes
// of all stages share.
type Run struct {
	ID       string // ULID
	Instance string // identifies the data directory; 16 hexadecimal digits
	Sockets  string // private directory for unix sockets
	Locks    string // directory of the instance locks

	// Keeper is the command line that starts a keeper, up to the word "keeper";
	// nil for the usual one.
	Keeper []string

	level atomic.Pointer[string] // log level for all plugins; nil until it is changed

	mu         sync.Mutex
	substitute string                 // replaces Sockets if that cannot be made again
	shared     string                 // directory for sockets of plugins of other users; made when one is needed
	programs   map[string]*sync.Mutex // locks of the plugins' copies that were used, by digest
}

// SetLogLevel changes the log level of all plugins. Each plugin gets it with its next
// call, Health included. It may be called concurrently.
func (r *Run) SetLogLevel(level slog.Level) {
	name := strings.ToLower(level.String())
	r.level.Store(&name)
}

// logLevel returns the level of SetLogLevel, or "" if it was never called.
func (r *Run) logLevel() string {
	if name := r.level.Load(); name != nil {
		return *name
	}
	return ""
}

// Names of the files, beside the locks, that contain the path of the socket directory,
// and of the one for plugins that run as other users.
const (
	socketsFile       = "sockets"
	sharedSocketsFile = "sockets-shared"
)

// maxSocketPath is the longest path of a unix socket in bytes, without the closing
// zero (unix(7)). socketSuffix is the number of bytes that go-plugin appends to the
// directory: "/plugin-dir" and "/plugin", each with up to ten digits, and a reserve.
const (
	maxSocketPath = 107
	socketSuffix  = 45
)

// OpenRun begins a run. It kills processes that an earlier run has left, which may
// take some seconds after a crash, and makes an empty socket directory. The caller
// must hold the checkpoint of the data directory, so that there is no other run. The
// caller closes the run after all plugins are stopped.
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
	if err != nil { // the stages of these processes find their locks busy; the others can work
		log.Warn("clean up after an earlier run", "error", err)
	}
	if err := keeper.OwnProgram(); err != nil {
		log.Warn("keepers are started from the whole program, which holds more memory", "error", err)
	}
	if killed > 0 {
		log.Warn("killed processes that an earlier run had left", "count", killed)
	}
	removeRecordedSockets(filepath.Join(r.Locks, sharedSocketsFile))
	if r.Sockets, err = openSocketDir(r.Instance, filepath.Join(r.Locks, socketsFile)); err != nil {
		return nil, err
	}
	return r, nil
}

// sweepLimit is how long OpenRun may take to kill processes of an earlier run.
const sweepLimit = 30 * time.Second

// Close removes the socket directories and the copies of plugins that this run has not
// used.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.prunePrograms(), os.RemoveAll(r.Sockets), os.RemoveAll(cmp.Or(r.substitute, r.Sockets)), os.RemoveAll(cmp.Or(r.shared, r.Sockets)))
}

// SocketDir returns the directory for a new socket of a plugin or of the host. The
// system may have removed the directory: that of a login session at its end, that of
// temporary files by age. SocketDir makes it again then, or makes another one. Sockets
// that are connected are not affected.
func (r *Run) SocketDir() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dir := cmp.Or(r.substitute, r.Sockets); isPrivate(dir) {
		return dir, nil
	}
	if err := os.Mkdir(r.Sockets, 0o700); err == nil {
		r.substitute = ""
		return r.Sockets, nil
	}
	dir, err := openSocketDir(r.Instance, filepath.Join(r.Locks, socketsFile))
	if err != nil {
		return "", err
	}
	r.substitute = dir
	return dir, nil
}

// lock returns the path of a stage's instance lock.
func (r *Run) lock(stage string) string { return filepath.Join(r.Locks, stage+".lock") }

// openSocketDir makes an empty private directory whose path is short enough for unix
// sockets. It records the path in the file, so that the next run can remove the
// directory.
func openSocketDir(instance, file string) (string, error) {
	removeRecordedSockets(file)
	dir, err := makeSocketDir(instance)
	if err != nil {
		return "", fmt.Errorf("make a directory for sockets: %w", err)
	}
	return dir, recordSockets(dir, file)
}

// removeRecordedSockets removes the directory that an earlier run has recorded in the
// file.
func removeRecordedSockets(file string) {
	if old, err := os.ReadFile(file); err == nil {
		if dir := string(old); strings.HasPrefix(filepath.Base(dir), "proofline-") && isOwned(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

// recordSockets records the path of a new directory in the file. If that fails, or if
// the path is too long, it removes the directory.
func recordSockets(dir, file string) error {
	if len(dir)+socketSuffix > maxSocketPath {
		_ = os.RemoveAll(dir)
		return fmt.Errorf("socket directory %s is too long (%d bytes, at most %d): set XDG_RUNTIME_DIR or TMPDIR to a shorter path",
			dir, len(dir), maxSocketPath-socketSuffix)
	}
	if err := os.WriteFile(file, []byte(dir), 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return fmt.Errorf("note the directory for sockets: %w", err)
	}
	return nil
}

// makeSocketDir makes a private directory in $XDG_RUNTIME_DIR if possible, else in the
// directory for temporary files.
func makeSocketDir(instance string) (string, error) {
	if base := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(base) && isPrivate(base) {
		dir := filepath.Join(base, "proofline-"+instance)
		if len(dir)+socketSuffix <= maxSocketPath {
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
