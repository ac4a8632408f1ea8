package artifact

import (
	"errors"
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

// syncFile makes durable what a file holds, or the names in a directory. Tests put
// something in its place.
var syncFile = (*os.File).Sync

// Accept turns the outputs of an attempt into artifacts: it checks that each is
// a plain file below out/ with the stated size and hash, makes it read-only, and
// returns it with its path relative to the data directory. It makes files and names
// durable beside what the caller does next: durable waits for that, and must return
// nil before anything is recorded that rests on them.
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
	maker, err := takeBack(root)
	if err != nil {
		return nil, nil, machine(err)
	}
	seen := map[string]bool{}
	accepted = make([]contract.Artifact, 0, len(outputs))
	var opened []*os.File
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
		f, err := verify(root, maker, a)
		if err != nil {
			return nil, nil, err
		}
		opened = append(opened, f)
		a.Path = filepath.ToSlash(filepath.Join(rel, "out", a.Name))
		accepted = append(accepted, a)
	}
	// By the directories between the data directory and the file it is found after a power
	// failure.
	for above := filepath.Join(dir, "out"); above != s.data && len(above) > len(s.data); above = filepath.Dir(above) {
		f, err := os.Open(above)
		if err != nil {
			return nil, nil, machine(err)
		}
		opened = append(opened, f)
	}
	return accepted, syncAll(opened), nil
}

// syncAll makes files and directories durable and closes them, all at the same time, so
// that the file system writes its journal once or twice for them and not for each. It
// returns at once; wait returns when it is done.
func syncAll(opened []*os.File) (wait func() error) {
	var group errgroup.Group
	for _, f := range opened {
		group.Go(func() error { return errors.Join(syncFile(f), f.Close()) })
	}
	return func() error { return machine(group.Wait()) }
}

func closeAll(opened []*os.File) {
	for _, f := range opened {
		f.Close()
	}
}

// verify checks one output, which the user with the given number has made, against what
// the plugin stated, and makes it the host's. It returns the open file.
func verify(root *os.Root, maker int, a contract.Artifact) (_ *os.File, err error) {
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
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe in its place would block for ever
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
	if err := take(f, info, maker); err != nil {
		return nil, fmt.Errorf("output %s: %w", a.Name, err)
	}
	_, got, err := files.DigestOf(f)
	if err != nil {
		return nil, machine(fmt.Errorf("output %s: %w", a.Name, err))
	}
	if got != a.SHA256 {
		return nil, fmt.Errorf("output %s has sha256 %x, the plugin stated %x", a.Name, got, a.SHA256)
	}
	mode := fs.FileMode(0o400)
	if maker != os.Geteuid() {
		mode = 0o444 // for Verify; who gets there is decided by the folders
	}
	return f, machine(f.Chmod(mode))
}
