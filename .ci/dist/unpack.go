package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// unpack reads the image of this machine's architecture from a layout that dist has
// written, with every digest and size compared, and writes its files below root, with
// their owners where the user may do that.
func unpack(dir, root string) error {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(compareDigests(dir), validate.Index(index)); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	image, err := imageFor(index, runtime.GOARCH)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	files := mutate.Extract(image)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := write(r, h, root); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// compareDigests reads every blob of a layout: its name is its SHA-256, which validate does
// not compare for manifests (opencontainers/image-spec:image-layout.md@v1.1.1).
func compareDigests(dir string) error {
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	if err != nil || len(blobs) == 0 {
		return errors.Join(err, errors.New("the layout has no blobs"))
	}
	for _, blob := range blobs {
		sum, err := digest(blob)
		if err != nil {
			return err
		}
		if sum != filepath.Base(blob) {
			return fmt.Errorf("%s has the digest %s", blob, sum)
		}
	}
	return nil
}

// imageFor finds the image of an architecture in an index or in one within it.
func imageFor(index v1.ImageIndex, arch string) (v1.Image, error) {
	entries, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, e := range entries.Manifests {
		switch {
		case e.MediaType.IsIndex():
			inner, err := index.ImageIndex(e.Digest)
			if err != nil {
				return nil, err
			}
			if image, err := imageFor(inner, arch); err == nil {
				return image, nil
			}
		case e.Platform != nil && e.Platform.Architecture == arch:
			return index.Image(e.Digest)
		}
	}
	return nil, fmt.Errorf("there is no image for %s", arch)
}

// write writes one entry of an image below root.
func write(from io.Reader, h *tar.Header, root string) error {
	if !filepath.IsLocal(h.Name) {
		return errors.New("the name leads out of the image")
	}
	path := filepath.Join(root, h.Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	case tar.TypeReg:
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, from)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	default:
		return fmt.Errorf("an entry of type %q", h.Typeflag)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	return os.Chmod(path, h.FileInfo().Mode())
}
