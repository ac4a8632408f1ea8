// Package objects stores files under names with slashes, in a directory or in a bucket
// of a service with the S3 protocol, and checks that the stored content is the content of
// the file.
//
// A name is a relative path such as "24000100-1a2b3c4d/block.json.gz". An object appears
// complete or not at all. Storing it again replaces it.
package objects

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Store is a directory or a bucket. Its methods are safe for concurrent use. An error that
// is a fault of the machine, of the service or of its configuration has the class
// environment and a remedy.
type Store interface {
	// Name returns the path or address of the store for people, without credentials.
	Name() string
	// Put stores a file. It returns after Holds has confirmed the stored content.
	Put(ctx context.Context, name string, c Content) error
	// Holds reports whether the store has an object with this name and content. It
	// compares the digests that the service reports, or reads the object.
	Holds(ctx context.Context, name string, c Content) (bool, error)
	// Open opens an object for reading. The error wraps fs.ErrNotExist where there is
	// none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Modified returns the time at which an object was stored. The error is as in Open.
	Modified(ctx context.Context, name string) (time.Time, error)
	// Folders returns the first part of every name that has several parts.
	Folders(ctx context.Context) ([]string, error)
	Close() error
}

// Content is a file to store, with its size and digests.
type Content struct {
	Path   string
	Size   int64 // bytes
	SHA256 contract.Digest
	MD5    [md5.Size]byte // most services use it as the ETag of an object
}

// Measure reads a file and computes its size and digests.
func Measure(path string) (Content, error) {
	f, err := os.Open(path)
	if err != nil {
		return Content{}, err
	}
	defer f.Close()
	return MeasureFrom(f, path)
}

// MeasureFrom is Measure for a reader of the content that path has or will have.
func MeasureFrom(r io.Reader, path string) (c Content, err error) {
	strong, tag := sha256.New(), md5.New()
	c.Path = path
	if c.Size, err = io.Copy(io.MultiWriter(strong, tag), r); err != nil {
		return Content{}, err
	}
	strong.Sum(c.SHA256[:0])
	tag.Sum(c.MD5[:0])
	return c, nil
}

// contentMatches reads an object and reports whether it has the content.
func contentMatches(ctx context.Context, s Store, name string, c Content) (bool, error) {
	r, err := s.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	got, err := MeasureFrom(r, c.Path)
	return err == nil && got.Size == c.Size && got.SHA256 == c.SHA256, err
}

// checkName refuses names that lead out of the store.
func checkName(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return contract.Permanent(errors.New(name + " is no name of an object"))
	}
	return nil
}
