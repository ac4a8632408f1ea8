package artifact

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// syncFile writes the content of a file, or the names in a directory, to the disk. Tests
// replace it.
var syncFile = (*os.File).Sync

// Accept turns the outputs of an attempt into artifacts. It checks that each is a plain
// file below out/ with the stated size, makes it read-only, hashes it, and returns it with
// its hash and its path relative to the data directory. A hash that the plugin has stated
// must be the same. The files and their names are written to the disk while they are hashed
// and while the caller goes on. The returned function durable waits for that and closes the
// files; it must have returned nil before a record refers to the artifacts.
func (s *Store) Accept(dir string, outputs []contract.Artifact) (accepted []contract.Artifact, durable func() error, err error) {
	rel, err := filepath.Rel(s.data, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, nil, fmt.Errorf("%s is no directory of an attempt", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, machine(err)
	}
	defer root.Close()
	maker, err := reclaimOut(root)
	if err != nil {
		return nil, nil, machine(err)
	}
	seen := map[string]bool{}
	accepted = make([]contract.Artifact, 0, len(outputs))
	var opened []*os.File // the outputs first
	defer func() {
		if err != nil {
			closeAll(opened)
		}
	}()
	for _, a := range outputs {
		if !validName(a.Name) || seen[a.Name] {
			return nil, nil, fmt.Errorf("output name %q is no plain file name, or is used twice", a.Name)
		}
		seen[a.Name] = true
		if path.Clean(a.Path) != path.Join("out", a.Name) {
			return nil, nil, fmt.Errorf("output %s lies at %q, want out/%s", a.Name, a.Path, a.Name)
		}
		f, err := open(root, maker, a)
		if err != nil {
			return nil, nil, err
		}
		opened = append(opened, f)
		a.Path = filepath.ToSlash(filepath.Join(rel, "out", a.Name))
		a.Compared = false // only the host can say so
		accepted = append(accepted, a)
	}
	if len(outputs) == 0 {
		return accepted, func() error { return nil }, nil
	}
	// After a power failure a file is found only if the directories on its path are synced.
	for above := filepath.Join(dir, "out"); above != s.data && len(above) > len(s.data); above = filepath.Dir(above) {
		f, err := os.Open(above)
		if err != nil {
			return nil, nil, machine(err)
		}
		opened = append(opened, f)
	}
	synced := syncAll(opened)
	for i := range accepted {
		if err := s.hash(opened[i], &accepted[i]); err != nil {
			_ = synced() // before the files are closed
			return nil, nil, err
		}
	}
	return accepted, func() error {
		err := synced()
		closeAll(opened)
		return err
	}, nil
}

// syncAll writes files and directories to the disk. It returns at once; wait returns when
// all of that is done. All are synced at the same time, so that the file system writes its
// journal once or twice and not once for each.
func syncAll(opened []*os.File) (wait func() error) {
	var group errgroup.Group
	for _, f := range opened {
		group.Go(func() error { return syncFile(f) })
	}
	return func() error { return machine(group.Wait()) }
}

// closeAll closes the files after an error.
func closeAll(opened []*os.File) {
	for _, f := range opened {
		f.Close()
	}
}

// open opens one output of the size that the plugin stated, and makes the host its owner.
// maker is the user id of the plugin.
func open(root *os.Root, maker int, a contract.Artifact) (_ *os.File, err error) {
	name := filepath.FromSlash(a.Path)
	info, err := root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("output %s: %w", a.Name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("output %s is no plain file", a.Name)
	}
	if info.Size() != a.Size {
		return nil, fmt.Errorf("output %s has %d bytes, the plugin stated %d", a.Name, info.Size(), a.Size)
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a pipe without O_NONBLOCK would block for ever
	if err != nil {
		return nil, fmt.Errorf("output %s: %w", a.Name, err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		return nil, fmt.Errorf("output %s is no plain file", a.Name)
	}
	if err := reclaimFile(f, info, maker); err != nil {
		return nil, fmt.Errorf("output %s: %w", a.Name, err)
	}
	mode := fs.FileMode(0o400)
	if maker != os.Geteuid() {
		mode = 0o444 // the plugin reads it in Verify; the folders restrict access
	}
	return f, machine(f.Chmod(mode))
}

// hash sets the hash of an output. Where the plugin has stated one, it must be the same.
func (s *Store) hash(f *os.File, a *contract.Artifact) error {
	before, err := f.Stat()
	if err != nil {
		return machine(fmt.Errorf("output %s: %w", a.Name, err))
	}
	_, got, err := files.DigestOf(f)
	if err != nil {
		return machine(fmt.Errorf("output %s: %w", a.Name, err))
	}
	if a.SHA256 != (contract.Digest{}) && a.SHA256 != got {
		return fmt.Errorf("output %s has sha256 %x, the plugin stated %x", a.Name, got, a.SHA256)
	}
	a.SHA256 = got
	s.compared.add(a.Path, before)
	return nil
}
