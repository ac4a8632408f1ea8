package objects

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// Dir is a Store in a directory. An object is a file, and the parts of its name are
// folders. Put syncs the content to disk and reads it back before it returns.
type Dir struct {
	path string
	root *os.Root
}

// OpenDir opens an existing directory. The caller must call Close.
func OpenDir(dir string) (*Dir, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, contract.Environment(err, "make the directory, or set another one")
	}
	if err != nil {
		return nil, files.Fault(err, dir)
	}
	return &Dir{dir, root}, nil
}

// Name implements Store.
func (d *Dir) Name() string { return d.path }

// Close releases the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Put implements Store.
func (d *Dir) Put(ctx context.Context, name string, c Content) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := d.write(name, c); err != nil {
		return files.Fault(err, d.path)
	}
	held, err := d.Holds(ctx, name, c)
	if err == nil && !held {
		err = contract.Retryable(errors.New(filepath.Join(d.path, name) + " does not read as it was written"))
	}
	return err
}

func (d *Dir) write(name string, c Content) error {
	in, err := os.Open(c.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	// The root creates the directories, so that no link in the path leads out of it.
	if err := d.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	to := filepath.Join(d.path, filepath.FromSlash(name))
	err = files.Replace(to, 0o644, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
	for at := filepath.Dir(to); err == nil && len(at) > len(d.path); {
		at = filepath.Dir(at)
		err = files.SyncDir(at)
	}
	return err
}

// Holds implements Store.
func (d *Dir) Holds(ctx context.Context, name string, c Content) (bool, error) {
	info, err := d.root.Stat(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != c.Size {
		return false, nil
	}
	if err != nil {
		return false, files.Fault(err, d.path)
	}
	return contentMatches(ctx, d, name, c)
}

// Open implements Store.
func (d *Dir) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	f, err := d.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, files.Fault(err, d.path)
	}
	return &cancelableFile{ctx, f}, nil
}

// Modified implements Store.
func (d *Dir) Modified(_ context.Context, name string) (time.Time, error) {
	info, err := d.root.Stat(filepath.FromSlash(name))
	if err != nil {
		return time.Time{}, files.Fault(err, d.path)
	}
	return info.ModTime(), nil
}

// Folders implements Store.
func (d *Dir) Folders(context.Context) (names []string, err error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, files.Fault(err, d.path)
}

// cancelableFile is a file whose Read fails after its context has ended.
type cancelableFile struct {
	ctx context.Context
	io.ReadCloser
}

func (i *cancelableFile) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, contract.Interrupted(context.Cause(i.ctx))
	}
	return i.ReadCloser.Read(p)
}
