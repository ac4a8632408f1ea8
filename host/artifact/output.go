package artifact

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// Publish copies artifacts to a folder below the output directory, under their own
// names. Their paths are relative to the data directory. Each copy appears complete or
// not at all and replaces an older file of its name. Publish may be called concurrently
// for the same folder. The error is an fs.ErrNotExist when an artifact does not exist.
func (s *Store) Publish(folder string, artifacts []contract.Artifact) error {
	if len(artifacts) == 0 {
		return nil
	}
	dir, err := s.folder(folder)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return files.Fault(err, "the output directory")
	}
	for _, a := range artifacts {
		if !validName(a.Name) {
			return fmt.Errorf("artifact name %q is no plain file name", a.Name)
		}
		if err := s.publish(dir, a); err != nil {
			return files.Fault(fmt.Errorf("publish %s in %s: %w", a.Name, dir, err), "the output directory")
		}
	}
	return nil
}

// publish copies one artifact to an absolute path.
func (s *Store) publish(dir string, a contract.Artifact) error {
	in, err := os.Open(filepath.Join(s.data, filepath.FromSlash(a.Path)))
	if err != nil {
		return err
	}
	defer in.Close()
	return files.Replace(filepath.Join(dir, a.Name), 0o644, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// folder returns the absolute path of a folder below the output directory.
func (s *Store) folder(folder string) (string, error) {
	local := filepath.FromSlash(folder)
	if !filepath.IsLocal(local) || filepath.Clean(local) == "." {
		return "", fmt.Errorf("%q is no folder of the output directory", folder)
	}
	return filepath.Join(s.output, local), nil
}

// SetAside renames a folder of the output directory and replaces an existing folder of
// the new name. It does nothing when the folder does not exist.
func (s *Store) SetAside(folder, to string) error {
	from, err := s.folder(folder)
	if err != nil {
		return err
	}
	target, err := s.folder(to)
	if err != nil {
		return err
	}
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil // set aside before, or never published
	}
	if err := os.RemoveAll(target); err != nil {
		return files.Fault(err, "the output directory")
	}
	return files.Fault(files.Rename(from, target), "the output directory")
}

// Restore returns an artifact of a job if its file is as it was recorded, else a copy
// that it makes from the published file. The folders are the elements of the path of that
// file below the output directory: the folder of the block, and possibly one below it.
func (s *Store) Restore(job, stage string, a contract.Artifact, folders ...string) (contract.Artifact, error) {
	if size, sum, err := files.Digest(filepath.Join(s.data, filepath.FromSlash(a.Path))); err == nil && sum == a.SHA256 && size == a.Size {
		return a, nil
	}
	dir, err := s.folder(path.Join(folders...))
	if err != nil {
		return a, err
	}
	from := filepath.Join(dir, a.Name)
	_, sum, err := files.Digest(from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return a, contract.Permanent(fmt.Errorf("its file %s is neither in the data directory nor at %s", a.Name, from))
	case err != nil:
		return a, machine(err)
	case sum != a.SHA256:
		return a, contract.Permanent(fmt.Errorf("%s is not the file that was made: its SHA-256 is %x, recorded is %x", from, sum, a.SHA256))
	}
	restored, err := s.Import(job, path.Join(stage, "restored", a.Name), a.Name, from)
	restored.Role = a.Role
	return restored, err
}

// Output returns the directory of the published files of a block.
func (s *Store) Output(number uint64) string {
	return filepath.Join(s.output, strconv.FormatUint(number, 10))
}

// Release removes every attempt of a job. Its published files stay.
func (s *Store) Release(job string) error {
	if !validName(job) {
		return fmt.Errorf("%q is no job", job)
	}
	s.compared.forget(job)
	return os.RemoveAll(filepath.Join(s.data, "attempts", job))
}

// Trim removes the directories of all attempts of a stage except keep, and the scratch
// files of keep. It is called when keep has succeeded.
func (s *Store) Trim(job, stage string, keep uint32) error {
	dir := filepath.Join(s.data, "attempts", job, stage)
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Name() == strconv.FormatUint(uint64(keep), 10) {
			path = filepath.Join(path, "tmp")
		}
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// Discard removes the directory of a try of an event or of a request.
func (s *Store) Discard(dir string) error {
	rel, err := filepath.Rel(filepath.Join(s.data, "attempts"), dir)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return fmt.Errorf("%s is no directory of an event", dir)
	}
	return os.RemoveAll(dir)
}

// Jobs returns the jobs that have files, with the time at which their directory last
// changed. ForAlerts and ForRequests may be among them.
func (s *Store) Jobs() (map[string]time.Time, error) {
	return changed(filepath.Join(s.data, "attempts"))
}

// Import copies a file from outside into the store as an artifact of a job. The copy is
// durable when Import returns.
func (s *Store) Import(job, stage, name, from string) (contract.Artifact, error) {
	if !validName(job) || !validName(name) {
		return contract.Artifact{}, fmt.Errorf("%q or %q is no plain name", job, name)
	}
	dir, _, err := s.Attempt(job, stage, 0, nil)
	if err != nil {
		return contract.Artifact{}, err
	}
	copied := filepath.Join(dir, "out", name)
	if err := copyFile(from, copied, 0o600); err != nil {
		return contract.Artifact{}, machine(err)
	}
	info, err := os.Stat(copied)
	if err != nil {
		return contract.Artifact{}, machine(err)
	}
	accepted, durable, err := s.Accept(dir, []contract.Artifact{{Name: name, Path: "out/" + name, Size: info.Size()}})
	if err != nil {
		return contract.Artifact{}, err
	}
	return accepted[0], durable()
}
