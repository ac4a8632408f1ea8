package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// archive writes the files below one folder as a packed tar archive.
func (r release) archive(arch string, t tree) (err error) {
	out, err := os.Create(filepath.Join(r.out, r.name(arch)+".tar.gz"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	packed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := r.tar(packed, r.name(arch)+"/", t); err != nil {
		return err
	}
	return packed.Close()
}

// tar writes files, each with a prefix before its name, that differ in nothing but
// name, mode and bytes.
func (r release) tar(to io.Writer, prefix string, files []file) error {
	w := tar.NewWriter(to)
	for _, f := range files {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: prefix + f.name, Mode: int64(f.mode), Size: int64(len(text)), ModTime: r.time, Format: tar.FormatPAX}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return w.Close()
}
