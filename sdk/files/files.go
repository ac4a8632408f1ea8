// Package files changes files so that a crash of the process or of the machine
// leaves the old or the new content, computes their digests, and says what a failed
// system call means for an operator.
package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/proofline/proofline/sdk/contract"
)

// Replace has write make the content of a file under a temporary name beside path,
// and puts it in the place of what is there. When it returns nil, content and name
// are on disk. After an error the file at path is as it was. The mode is set
// whatever the umask is. A device or a pipe is no file that could be replaced: what is
// written goes into it.
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0 {
		return into(path, write)
	}
	dir := filepath.Dir(path)
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithStaticPermissions(mode))
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "create", Path: path, Err: failed.Err} // the name that the caller knows
	}
	if err != nil {
		return err
	}
	defer func() { _ = pending.Cleanup() }()
	// The *os.File lets io.Copy leave the copying to the kernel.
	if err := write(pending.File); err != nil {
		return err
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return SyncDir(dir)
}

// into writes to a device or a pipe.
func into(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// Write is Replace with content in memory.
func Write(path string, mode fs.FileMode, content []byte) error {
	return Replace(path, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// WriteJSON is Replace with a value in indented JSON, with a line feed at the end.
func WriteJSON(path string, mode fs.FileMode, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return Write(path, mode, text.Bytes())
}

// Rename moves a file whose content is on disk already to another name on the same
// file system and makes the new name durable.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Digest returns the size in bytes and the SHA-256 of the file at path.
func Digest(path string) (size int64, sum contract.Digest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, sum, err
	}
	defer f.Close()
	if size, sum, err = DigestOf(f); err != nil {
		return 0, contract.Digest{}, fmt.Errorf("read %s: %w", path, err)
	}
	return size, sum, nil
}

// DigestOf returns the length in bytes and the SHA-256 of what is left to read.
func DigestOf(r io.Reader) (size int64, sum contract.Digest, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	h.Sum(sum[:0])
	return size, sum, err
}
