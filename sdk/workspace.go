package sdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
	"github.com/proofline/proofline/sdk/wire"
)

const (
	outDir  = "out"
	tempDir = "tmp"
)

// workspace is the private directory of an attempt. Every access goes through an
// os.Root, so that no name and no symbolic link leads out of the directory. Its methods
// are safe for concurrent use.
type workspace struct {
	dir    string
	root   *os.Root
	inputs []contract.Artifact

	mu       sync.Mutex
	verified map[string]bool // by name
}

// openWorkspace makes out/ and tmp/ in a directory that the host has made.
func openWorkspace(dir string, inputs []contract.Artifact) (*workspace, error) {
	if !filepath.IsAbs(dir) {
		return nil, Permanent(fmt.Errorf("attempt directory %q is not absolute", dir))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, files.Fault(fmt.Errorf("open attempt directory: %w", err), dir)
	}
	for _, sub := range []string{outDir, tempDir} {
		if err := root.Mkdir(sub, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			_ = root.Close()
			return nil, files.Fault(fmt.Errorf("prepare attempt directory %s: %w", dir, err), dir)
		}
	}
	return &workspace{dir: dir, root: root, inputs: inputs, verified: map[string]bool{}}, nil
}

func (w *workspace) close() { _ = w.root.Close() }

// find returns the input of a name; ok is false where there is none.
func (w *workspace) find(name string) (a contract.Artifact, ok bool) {
	for _, a := range w.inputs {
		if a.Name == name {
			return a, true
		}
	}
	return contract.Artifact{}, false
}

// input returns the absolute path of an input after comparing its size and hash with the
// recorded ones, once for each name. It does not read a file that the host has compared.
func (w *workspace) input(name string) (string, error) {
	a, ok := w.find(name)
	if !ok {
		return "", Permanent(fmt.Errorf("there is no input %q: no earlier stage made it", name))
	}
	if err := wire.CheckArtifact(a); err != nil {
		return "", Permanent(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !a.Compared && !w.verified[name] {
		if err := w.verify(a); err != nil {
			return "", err
		}
		w.verified[name] = true
	}
	return filepath.Join(w.dir, filepath.FromSlash(a.Path)), nil
}

// verify compares size and hash of an input file with the recorded ones.
func (w *workspace) verify(a contract.Artifact) error {
	f, err := w.root.Open(filepath.FromSlash(a.Path))
	if err != nil {
		return files.Fault(fmt.Errorf("open input %q: %w", a.Name, err), w.dir)
	}
	defer f.Close()
	size, sum, err := files.DigestOf(f)
	switch {
	case err != nil:
		return files.Fault(fmt.Errorf("read input %q: %w", a.Name, err), w.dir)
	case size != a.Size:
		return Retryable(fmt.Errorf("input %q has %d bytes, recorded are %d", a.Name, size, a.Size))
	case sum != a.SHA256:
		return Retryable(fmt.Errorf("input %q has the SHA-256 %x, recorded is %x", a.Name, sum, a.SHA256))
	}
	return nil
}

// adopt moves a file that lies below the directory to out/name.
func (w *workspace) adopt(file, name string) (contract.Artifact, error) {
	if err := wire.CheckName(name); err != nil {
		return contract.Artifact{}, Permanent(err)
	}
	rel := file
	if filepath.IsAbs(file) {
		var err error
		if rel, err = filepath.Rel(w.dir, file); err != nil {
			return contract.Artifact{}, Permanent(fmt.Errorf("adopt %q: %w", name, err))
		}
	}
	if !filepath.IsLocal(rel) {
		return contract.Artifact{}, Permanent(fmt.Errorf("adopt %q: %s is outside the attempt's directory %s", name, file, w.dir))
	}
	fail := func(err error) (contract.Artifact, error) {
		return contract.Artifact{}, files.Fault(fmt.Errorf("adopt %s as %q: %w", rel, name, err), w.dir)
	}
	info, err := w.root.Lstat(rel)
	if err != nil {
		return fail(err)
	}
	if !info.Mode().IsRegular() {
		return contract.Artifact{}, Permanent(fmt.Errorf("adopt %q: %s is not a regular file", name, rel))
	}
	if err := w.publish(filepath.Clean(rel), name); err != nil {
		return fail(err)
	}
	return contract.Artifact{Name: name, Path: path.Join(outDir, name), Size: info.Size()}, nil
}

// publish renames a complete file to out/name, which must not exist yet. It syncs
// nothing: the host does so once for all artifacts of a result.
func (w *workspace) publish(from, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	to := filepath.Join(outDir, name)
	if from != to {
		if _, err := w.root.Lstat(to); err == nil {
			return Permanent(fmt.Errorf("an artifact of this name exists already"))
		}
		if err := w.root.Rename(from, to); err != nil {
			return err
		}
	}
	return nil
}

// checkOutputs reports an output of a result that is absent, is not a regular file, has
// another size than claimed, or appears twice.
func (w *workspace) checkOutputs(outputs []contract.Artifact) error {
	seen := make(map[string]bool, len(outputs))
	for _, a := range outputs {
		if err := wire.CheckArtifact(a); err != nil {
			return Permanent(fmt.Errorf("result: %w", err))
		}
		if seen[a.Name] {
			return Permanent(fmt.Errorf("result: output %q appears twice", a.Name))
		}
		seen[a.Name] = true
		info, err := w.root.Lstat(filepath.FromSlash(a.Path))
		switch {
		case err != nil:
			return Permanent(fmt.Errorf("result: output %q: %w", a.Name, err))
		case !info.Mode().IsRegular():
			return Permanent(fmt.Errorf("result: output %q is not a regular file", a.Name))
		case info.Size() != a.Size:
			return Permanent(fmt.Errorf("result: output %q has %d bytes, claimed are %d", a.Name, info.Size(), a.Size))
		}
	}
	return nil
}
