package launch

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/sdk/files"
)

// programs is the directory of copies below that of the instance locks.
const programs = "plugins"

// program returns the file to execute for a plugin that a lock pins: a copy below the
// run directory, whose bytes were hashed after they were copied, and again if it is not
// known to be as it was then, and whose directory has their digest as its name. What
// happens to the plugin's own file meanwhile, and later in the run, does not matter. The
// error is a *catalog.ChangedError if the plugin's file is no
// longer the one that the catalog has found, and no copy of that one exists.
//
// Two kinds of plugin run where they lie, compared right before: a script, which finds
// its modules beside itself, and every plugin if files on the data directory's file
// system cannot be executed. One that no lock pins runs where it lies, too, and is
// compared with nothing.
func (r *Run) program(b catalog.Binary, log *slog.Logger) (string, error) {
	if !b.Locked {
		return b.Path, nil // nothing says which bytes it should have
	}
	digest := hex.EncodeToString(b.SHA256[:])
	dir := filepath.Join(r.Locks, programs, digest)
	path := filepath.Join(dir, filepath.Base(b.Path))
	copying := r.copying(digest)
	copying.Lock() // of one copy: the others are read and made meanwhile
	defer copying.Unlock()
	if sum, err := catalog.Digest(path); err == nil && sum == b.SHA256 {
		return path, nil
	}
	script, err := isScript(b.Path)
	if err != nil {
		return "", fmt.Errorf("plugin %q: %w", b.Name, err)
	}
	if script || noexec(r.Locks) {
		if !script {
			log.Warn("the data directory lies on a file system without execution: the plugin runs from its own file, which was compared right before", "plugin", b.Path)
		}
		return b.Path, b.Verify()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("copy plugin %q: %w", b.Name, err)
	}
	if err := copyProgram(b, path); err != nil {
		return "", err
	}
	return path, nil
}

// copying is held while the copy of a digest is compared or made.
func (r *Run) copying(digest string) *sync.Mutex {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.programs == nil {
		r.programs = map[string]*sync.Mutex{}
	}
	if r.programs[digest] == nil {
		r.programs[digest] = &sync.Mutex{}
	}
	return r.programs[digest]
}

// copyProgram makes the copy appear whole, and only if its bytes are those that the
// catalog has hashed.
func copyProgram(b catalog.Binary, path string) (err error) {
	defer func() {
		if _, changed := errors.AsType[*catalog.ChangedError](err); err != nil && !changed {
			err = fmt.Errorf("copy plugin %q: %w", b.Name, err)
		}
	}()
	from, err := os.Open(b.Path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.CreateTemp(filepath.Dir(path), ".copy-*")
	if err != nil {
		return err
	}
	defer os.Remove(to.Name()) // fails after the rename, as it should
	_, err = io.Copy(to, from) // by the kernel, without a copy where the file system shares blocks
	if err == nil {
		err = to.Chmod(0o500)
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return err
	}
	_, sum, err := files.Digest(to.Name())
	if err != nil {
		return err
	}
	if sum != b.SHA256 {
		return &catalog.ChangedError{Binary: b, Now: hex.EncodeToString(sum[:])}
	}
	return os.Rename(to.Name(), path)
}

// prunePrograms removes the copies that this run has not used.
func (r *Run) prunePrograms() error {
	dir := filepath.Join(r.Locks, programs)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // none was made
	}
	var errs []error
	for _, entry := range entries {
		if r.programs[entry.Name()] == nil {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return errors.Join(errs...)
}

func isScript(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	var head [2]byte
	n, err := io.ReadFull(f, head[:])
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return string(head[:n]) == "#!", err
}

// noexec reports whether the file system of a directory is mounted without execution.
func noexec(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Flags&unix.ST_NOEXEC != 0
}
