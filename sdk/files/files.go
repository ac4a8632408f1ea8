// Package files replaces files so that a crash of the process or of the machine leaves
// either the old or the new content. It also computes digests of files, and says what an
// operator can do about a failed system call. All functions are safe for concurrent use;
// of two replacements of one path at the same time the later one wins.
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

// Replace replaces the file at path. It calls write to write the content to a temporary
// file beside path, and then renames that file. When it returns nil, content and name are
// on disk. After an error the file at path is unchanged; the error of write is returned
// as it is. The umask has no effect on the mode. If path is a device or a pipe, write
// writes directly to it.
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	if info, err := os.Stat(path); err == nil && info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0 {
		return writeInto(path, write)
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
	// With an *os.File, io.Copy can let the kernel copy.
	if err := write(pending.File); err != nil {
		return err
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return SyncDir(dir)
}

// writeInto writes to a device or a pipe.
func writeInto(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// Write replaces the file at path with this content, as Replace does.
func Write(path string, mode fs.FileMode, content []byte) error {
	return Replace(path, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// WriteJSON replaces the file at path with a value in indented JSON and a line feed at the
// end, as Replace does.
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

// Rename moves a file to another name on the same file system, and makes the new name
// durable. The content must be on disk already.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// SyncDir makes the names in a directory durable (fsync(2) of the directory).
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

// DigestOf reads r to its end and returns the number of bytes and their SHA-256.
func DigestOf(r io.Reader) (size int64, sum contract.Digest, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	h.Sum(sum[:0])
	return size, sum, err
}
