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

// copiesFolder is the name of the folder of copies, below that of the instance locks.
const copiesFolder = "plugins"

// program returns the file to execute for a plugin. For a plugin that plugins.lock
// pins it is a copy in a folder below the run directory. The folder's name is the
// digest of the copy, and the digest was compared after the copy was made. Later
// changes of the plugin's own file do not matter then. The error is a
// *catalog.ChangedError if the plugin's file is no longer the one that the catalog has
// found, and there is no copy of that one.
//
// Two kinds of pinned plugins are executed in place, and their digest is compared just
// before: scripts, which find their modules beside themselves, and all plugins if the
// data directory's file system does not allow execution. A plugin that is not pinned is
// executed in place without any comparison.
func (r *Run) program(b catalog.Binary, log *slog.Logger) (string, error) {
	if !b.Locked {
		return b.Path, nil // there is no digest to compare with
	}
	digest := hex.EncodeToString(b.SHA256[:])
	dir := filepath.Join(r.Locks, copiesFolder, digest)
	path := filepath.Join(dir, filepath.Base(b.Path))
	lock := r.copyLock(digest)
	lock.Lock() // for this digest only, so that copies of others can be made meanwhile
	defer lock.Unlock()
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

// copyLock returns the lock to hold while the copy with a digest is compared or made.
func (r *Run) copyLock(digest string) *sync.Mutex {
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

// copyProgram copies a plugin to path. The copy appears complete or not at all, and only
// if its digest is that of the catalog.
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
	defer os.Remove(to.Name()) // has no effect after the rename
	_, err = io.Copy(to, from) // the kernel shares the blocks if the file system can
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
	dir := filepath.Join(r.Locks, copiesFolder)
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

// isScript reports whether a file begins with "#!".
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

// noexec reports whether the file system of a directory is mounted with noexec.
func noexec(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && fs.Flags&unix.ST_NOEXEC != 0
}
