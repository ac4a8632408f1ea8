// Package objects stores files under names with slashes, in a directory or in a bucket
// of a service that speaks the S3 protocol, and makes sure that what is stored is what
// was handed over.
//
// A name is a relative path such as "24000100-1a2b3c4d/block.json.gz". An object
// appears whole or not at all; to store it again replaces it.
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

// Store is a place for objects. Its methods are safe for concurrent use. Errors that
// are faults of the machine, of the service or of its configuration are of the class
// environment and have a remedy.
type Store interface {
	// Name is the place in words for people, without credentials.
	Name() string
	// Put stores a file and returns when the store holds it, as Holds says.
	Put(ctx context.Context, name string, c Content) error
	// Holds reports whether the store has an object of that name with that content, by
	// what the place itself says of it, or by reading it.
	Holds(ctx context.Context, name string, c Content) (bool, error)
	// Open reads an object. The error wraps fs.ErrNotExist where there is none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Modified is when an object was stored; the error is as in Open.
	Modified(ctx context.Context, name string) (time.Time, error)
	// Folders lists the first parts of all names that have several.
	Folders(ctx context.Context) ([]string, error)
	Close() error
}

// Content is a file to store and what is known of it.
type Content struct {
	Path   string
	Size   int64 // bytes
	SHA256 contract.Digest
	MD5    [md5.Size]byte // the ETag that most services give an object
}

// Measure reads a file once.
func Measure(path string) (Content, error) {
	f, err := os.Open(path)
	if err != nil {
		return Content{}, err
	}
	defer f.Close()
	return MeasureFrom(f, path)
}

// MeasureFrom reads the content that path has or is being given.
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

// reads reports whether a reader of an object yields the content.
func reads(ctx context.Context, s Store, name string, c Content) (bool, error) {
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

// local refuses names that lead out of the place.
func local(name string) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return contract.Permanent(errors.New(name + " is no name of an object"))
	}
	return nil
}
