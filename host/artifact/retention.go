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

// changed lists what lies in a directory, and when it last changed.
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

// Requests lists what is kept for requests of operators, by the stage that it was
// imported as, and when its directory last changed.
func (s *Store) Requests() (map[string]time.Time, error) {
	found, err := changed(filepath.Join(s.data, "attempts", ForRequests))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no request has ever had a file
	}
	return found, err
}

// ReleaseRequest removes what is kept for a request.
func (s *Store) ReleaseRequest(stage string) error {
	if !validName(stage) {
		return fmt.Errorf("%q is no request", stage)
	}
	return os.RemoveAll(filepath.Join(s.data, "attempts", ForRequests, stage))
}

// Expired lists the folders of the output directory that are a block's and in which
// nothing has changed since the given time, with the block's number. What people
// have put there under other names is not listed.
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

// blockOf reads the name of a block's folder: its number, and of an orphan's the
// first eight digits of its hash.
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

// unchanged reports whether everything in a folder is older than that.
func (s *Store) unchanged(folder string, before time.Time) bool {
	err := filepath.WalkDir(filepath.Join(s.output, folder), func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !info.ModTime().Before(before) {
			err = errYoung
		}
		return err
	})
	return err == nil
}

var errYoung = errors.New("something is younger")

// Unpublish removes a folder of the output directory.
func (s *Store) Unpublish(folder string) error {
	dir, err := s.folder(folder)
	if err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
