package artifact

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Publish copies artifacts (paths relative to the data directory) to
// output/<number>/ under their own names. Each appears whole or not at all and
// replaces an older file of that name.
func (s *Store) Publish(number uint64, artifacts []contract.Artifact) error {
	if len(artifacts) == 0 {
		return nil
	}
	dir := s.Output(number)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return machine(err)
	}
	for _, a := range artifacts {
		if !validName(a.Name) {
			return fmt.Errorf("artifact name %q is no plain file name", a.Name)
		}
		if err := s.publish(dir, a); err != nil {
			return machine(fmt.Errorf("publish %s of block %d: %w", a.Name, number, err))
		}
	}
	return nil
}

func (s *Store) publish(dir string, a contract.Artifact) error {
	temp := filepath.Join(dir, "."+a.Name+".part")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer os.Remove(temp)
	if err := copyFile(filepath.Join(s.data, filepath.FromSlash(a.Path)), temp, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, a.Name))
}

// Output returns the directory of a block's published files.
func (s *Store) Output(number uint64) string {
	return filepath.Join(s.output, strconv.FormatUint(number, 10))
}

// SetAside renames the published files of an orphaned block to
// output/<number>-<hash8>, so that the block that took its place starts empty.
func (s *Store) SetAside(block contract.Block) error {
	from := s.Output(block.Number)
	to := from + "-" + block.Hash.Short()
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil // set aside before, or never published
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Release removes every attempt of a job. Its published files stay.
func (s *Store) Release(job string) error {
	if !validName(job) {
		return fmt.Errorf("%q is no job", job)
	}
	return os.RemoveAll(filepath.Join(s.data, "attempts", job))
}

// Trim removes the attempts of a stage other than keep, and the scratch files of
// keep, once keep has succeeded.
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

// Discard removes the directory of an event's try.
func (s *Store) Discard(dir string) error {
	rel, err := filepath.Rel(filepath.Join(s.data, "attempts"), dir)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return fmt.Errorf("%s is no directory of an event", dir)
	}
	return os.RemoveAll(dir)
}

// Jobs lists the jobs that have files, and when their directory last changed.
func (s *Store) Jobs() (map[string]time.Time, error) {
	entries, err := os.ReadDir(filepath.Join(s.data, "attempts"))
	if err != nil {
		return nil, err
	}
	jobs := map[string]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			jobs[e.Name()] = info.ModTime()
		}
	}
	return jobs, nil
}

// Import copies a file from outside into the store as the given artifact of a
// job, durable when it returns.
func (s *Store) Import(job, stage, name, from string) (contract.Artifact, error) {
	if !validName(job) || !validName(name) {
		return contract.Artifact{}, fmt.Errorf("%q or %q is no plain name", job, name)
	}
	dir, _, err := s.Attempt(job, stage, 0, nil)
	if err != nil {
		return contract.Artifact{}, err
	}
	if err := copyFile(from, filepath.Join(dir, "out", name), 0o600); err != nil {
		return contract.Artifact{}, machine(err)
	}
	a := contract.Artifact{Name: name, Path: "out/" + name}
	if a.Size, a.SHA256, err = digest(filepath.Join(dir, "out", name)); err != nil {
		return contract.Artifact{}, err
	}
	accepted, err := s.Accept(dir, []contract.Artifact{a})
	if err != nil {
		return contract.Artifact{}, err
	}
	return accepted[0], nil
}

func digest(path string) (size int64, sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, sum, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return 0, sum, err
	}
	return size, [32]byte(h.Sum(nil)), nil
}
