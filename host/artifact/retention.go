package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// changed returns the entries of a directory with the times at which they last changed.
func changed(dir string) (map[string]time.Time, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	at := make(map[string]time.Time, len(entries))
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			at[e.Name()] = info.ModTime()
		}
	}
	return at, nil
}

// Requests returns the names under which files of the operator's requests were imported,
// with the times at which their directories last changed.
func (s *Store) Requests() (map[string]time.Time, error) {
	found, err := changed(filepath.Join(s.data, "attempts", ForRequests))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no request has ever had a file
	}
	return found, err
}

// ReleaseRequest removes the files of a request.
func (s *Store) ReleaseRequest(name string) error {
	if !validName(name) {
		return fmt.Errorf("%q is no request", name)
	}
	return os.RemoveAll(filepath.Join(s.data, "attempts", ForRequests, name))
}

// Expired returns the folders of published files in which nothing has changed since the
// given time, with the numbers of their blocks. Folders with other names, which people
// may have made, are not among them.
func (s *Store) Expired(before time.Time) (map[string]uint64, error) {
	found, err := changed(s.output)
	if err != nil {
		return nil, err
	}
	expired := map[string]uint64{}
	for name, at := range found {
		if number, ok := blockOf(name); ok && at.Before(before) && s.unchanged(name, before) {
			expired[name] = number
		}
	}
	return expired, nil
}

// blockOf returns the block number of a folder of published files. ok is false for any
// other name. The folder of an orphan has the first eight digits of its hash, too.
func blockOf(folder string) (number uint64, ok bool) {
	digits, hash, orphan := strings.Cut(folder, "-")
	number, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || strconv.FormatUint(number, 10) != digits {
		return 0, false
	}
	if orphan {
		if _, err := strconv.ParseUint(hash, 16, 32); err != nil || len(hash) != 8 {
			return 0, false
		}
	}
	return number, true
}

// unchanged reports whether every file in a folder has last changed before a time.
func (s *Store) unchanged(folder string, before time.Time) bool {
	err := filepath.WalkDir(filepath.Join(s.output, folder), func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !info.ModTime().Before(before) {
			err = errChanged
		}
		return err
	})
	return err == nil
}

// errChanged ends the walk of unchanged.
var errChanged = errors.New("a file has changed since")

// Unpublish removes a folder of the output directory.
func (s *Store) Unpublish(folder string) error {
	dir, err := s.folder(folder)
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
