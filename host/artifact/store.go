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
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// Store is the artifact store of one pipeline. Methods for different attempts
// may be called concurrently.
type Store struct {
	data   string // absolute
	output string // absolute

	compared compared

	// Owner returns the user that the plugin of a stage runs as, or nil for the user of
	// the host. A nil Owner means the user of the host for every stage. It must be set
	// before the store is used, and may be called concurrently.
	Owner func(stage string) *account.Account
}

// Names that take the place of a job for files that belong to no job.
const (
	ForAlerts   = "alerts"   // files of events about no block
	ForRequests = "requests" // files of requests that operators made while no host ran
)

// Open returns a store and creates its directories when they do not exist. The data
// directory is private to the user (0700), the output directory is public (0755).
func Open(data, output string) (*Store, error) {
	data, err := filepath.Abs(data)
	if err != nil {
		return nil, err
	}
	if output, err = filepath.Abs(output); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(data, "attempts"), 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		return nil, fmt.Errorf("output directory: %w", err)
	}
	return &Store{data: data, output: output}, nil
}

// Attempt makes a fresh directory for an attempt and links the inputs into its in/. It
// returns the directory and the inputs with paths relative to it. It first removes what
// an earlier attempt of the same number has left.
func (s *Store) Attempt(job, stage string, attempt uint32, inputs []contract.Artifact) (dir string, linked []contract.Artifact, err error) {
	return s.prepare(filepath.Join("attempts", job, stage, strconv.FormatUint(uint64(attempt), 10)), s.owner(stage), inputs, link)
}

// Event makes a fresh directory for one try of an event, as Attempt does. Its inputs are
// copies, because a reporter must not be able to change accepted artifacts. The additional
// artifacts are copied, too, except those that are lost.
func (s *Store) Event(job, reporter string, seq uint64, try uint32, inputs, additional []contract.Artifact) (dir string, given []contract.Artifact, err error) {
	if job == "" {
		job = ForAlerts
	}
	dir, given, err = s.prepare(filepath.Join("attempts", job, "events", reporter, fmt.Sprintf("%d-%d", seq, try)), s.owner(reporter), inputs, duplicate)
	if err != nil {
		return "", nil, err
	}
	for _, a := range additional {
		put, err := s.put(dir, s.owner(reporter), a, duplicate)
		if _, lost := errors.AsType[*LostError](err); lost {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		given = append(given, put)
	}
	return dir, given, nil
}

// prepare makes a directory and puts the inputs into it with transfer, which is link or
// duplicate.
func (s *Store) prepare(rel string, owner *account.Account, inputs []contract.Artifact, transfer func(from, to string) error) (string, []contract.Artifact, error) {
	if !filepath.IsLocal(rel) {
		return "", nil, fmt.Errorf("%s is no path inside the data directory", rel)
	}
	dir := filepath.Join(s.data, rel)
	if err := os.RemoveAll(dir); err != nil {
		return "", nil, machine(err)
	}
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return "", nil, machine(err)
		}
	}
	if owner != nil {
		if err := s.handOver(dir, owner); err != nil {
			return "", nil, machine(err)
		}
	}
	linked := make([]contract.Artifact, 0, len(inputs))
	for _, a := range inputs {
		a, err := s.put(dir, owner, a, transfer)
		if err != nil {
			return "", nil, err
		}
		linked = append(linked, a)
	}
	return dir, linked, nil
}

// put puts one input into a directory and returns it with its path there. The error is a
// LostError when the file does not exist or has another size.
func (s *Store) put(dir string, owner *account.Account, a contract.Artifact, transfer func(from, to string) error) (contract.Artifact, error) {
	if !validName(a.Name) {
		return a, fmt.Errorf("artifact name %q is no plain file name", a.Name)
	}
	from, to := filepath.Join(s.data, filepath.FromSlash(a.Path)), filepath.Join(dir, "in", a.Name)
	if err := transfer(from, to); errors.Is(err, fs.ErrNotExist) {
		return a, &LostError{Artifact: a, Path: from}
	} else if err != nil {
		return a, machine(err)
	}
	info, err := os.Stat(to)
	if err != nil {
		return a, machine(err)
	}
	if info.Size() != a.Size {
		return a, &LostError{Artifact: a, Path: from, Changed: true}
	}
	if owner != nil {
		if err := os.Chmod(to, 0o444); err != nil { // the folders restrict access
			return a, machine(err)
		}
	}
	a.Compared = s.compared.has(a.Path, info)
	a.Path = path.Join("in", a.Name)
	return a, nil
}

// Intact compares the inputs of an attempt with the recorded hashes. The error is a
// LostError when a disk or a plugin has changed an input. An input that the attempt has
// removed from its directory is ignored, because the next attempt gets it again.
func (s *Store) Intact(dir string, linked []contract.Artifact) error {
	for _, a := range linked {
		path := filepath.Join(dir, filepath.FromSlash(a.Path))
		_, digest, err := files.Digest(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return machine(err)
		case digest != a.SHA256:
			return &LostError{Artifact: a, Path: path, Changed: true}
		}
	}
	return nil
}

// LostError is the error for an artifact whose file does not exist or differs from what
// was accepted.
type LostError struct {
	Artifact contract.Artifact
	Path     string
	Changed  bool // the file exists but its content differs
}

func (e *LostError) Error() string {
	if e.Changed {
		return fmt.Sprintf("artifact %s is not what was recorded of it (%s): the stage that made it must run again", e.Artifact.Name, e.Path)
	}
	return fmt.Sprintf("artifact %s is recorded but %s does not exist: the stage that made it must run again", e.Artifact.Name, e.Path)
}

// validName reports whether a name is a single path element that is not hidden.
func validName(name string) bool {
	return name != "" && name[0] != '.' && filepath.IsLocal(name) && path.Base(name) == name && filepath.Base(name) == name
}

// link makes to a hard link of from, or a copy when the file system has no hard links.
func link(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return copyFile(from, to, 0o400)
}

// duplicate makes to a separate file with the content of from. The files share their
// blocks on the disk when the file system supports that (FICLONE, ioctl_ficlonerange(2)).
func duplicate(from, to string) error {
	if err := clone(from, to); err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return err
	}
	return copyFile(from, to, 0o400)
}

// clone makes a file that shares the blocks of another one.
func clone(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return err
	}
	err = errors.Join(unix.IoctlFileClone(int(out.Fd()), int(in.Fd())), out.Close())
	if err != nil {
		_ = os.Remove(to)
	}
	return err
}

// copyFile copies a file without syncing it, because no record refers to the copy before
// Accept has synced it.
func copyFile(from, to string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}

// machine gives an error of the file system that no block has caused, such as a full
// disk, its class and a remedy.
func machine(err error) error { return files.Fault(err, "the data directory") }
