package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"github.com/proofline/proofline/sdk/files"
)

// Backup writes a copy of the file as of one instant to path. The store stays in use.
// The copy appears complete or not at all, and replaces an existing file.
func (s *Store) Backup(path string) error {
	err := files.Replace(path, 0o600, func(w io.Writer) error {
		return s.db.View(func(tx *bbolt.Tx) error {
			_, err := tx.WriteTo(w)
			return err
		})
	})
	if err != nil {
		return environment(fmt.Errorf("back up checkpoint %s: %w", s.path, err))
	}
	return nil
}

// CompactSuffix is the suffix that Compact appends to the name of the original file.
const CompactSuffix = ".bak"

// compactBatch is the number of bytes that one transaction of a compaction writes.
const compactBatch = 4 << 20

// Compact rewrites a file without its unused space and returns its sizes in bytes. No
// host may have the file open. The original is kept beside it with CompactSuffix, in
// place of that of an earlier Compact. At every instant there is a complete checkpoint
// under the name.
//
// Compact also repairs a file with damaged pages when every record is intact, and
// returns the problems that it had. When one of the two meta pages was damaged, the last
// transaction may be lost.
func Compact(path string) (before, after int64, repaired []Problem, err error) {
	locked, err := lockShared(path)
	if err != nil {
		return 0, 0, nil, err
	}
	defer locked.file.Close()
	report, err := Check(path)
	if err != nil {
		return 0, 0, nil, err
	}
	if len(report.Problems) > 0 && !report.Repairable {
		return 0, 0, nil, report.err()
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return 0, 0, nil, environment(err)
	}
	defer os.Remove(temp.Name())
	if err := temp.Close(); err != nil {
		return 0, 0, nil, environment(err)
	}
	copying, err := scan(scanAndCopy, path, temp.Name())
	if err == nil && len(copying.Problems) > 0 {
		err = summary(copying.Problems)
	}
	if err != nil {
		return 0, 0, nil, fmt.Errorf("compact checkpoint %s: %w", path, err)
	}
	copied, err := Check(temp.Name()) // compares the sum of all records, too
	if err == nil && len(copied.Problems) > 0 {
		err = summary(copied.Problems)
	}
	if err == nil && len(report.Problems) == 0 && copied.Counts != report.Counts {
		err = fmt.Errorf("it holds %+v, not %+v", copied.Counts, report.Counts)
	}
	if err != nil {
		return 0, 0, nil, fmt.Errorf("the compacted copy of %s is not used: %w", path, err)
	}
	if err := locked.makeExclusive(path); err != nil {
		return 0, 0, nil, err
	}
	if err := replace(path, temp.Name()); err != nil {
		return 0, 0, nil, environment(err)
	}
	return report.Size, copied.Size, report.Problems, nil
}

// lockedFile is a file with the lock that bbolt uses.
type lockedFile struct {
	file *os.File
	info os.FileInfo
}

// lockShared prevents hosts from opening a file. Other processes can still read it.
func lockShared(path string) (lockedFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return lockedFile{}, environment(fmt.Errorf("open checkpoint: %w", err))
	}
	info, err := file.Stat()
	if err == nil {
		err = flock(file, path, syscall.LOCK_SH)
	}
	if err != nil {
		return lockedFile{}, errors.Join(err, file.Close())
	}
	return lockedFile{file, info}, nil
}

// makeExclusive takes the exclusive lock instead of the shared one. Between the two
// locks a host may have used the file, so makeExclusive returns ErrInUse when the file
// was changed or replaced since lockShared, or when another process has it.
func (l lockedFile) makeExclusive(path string) error {
	if err := flock(l.file, path, syscall.LOCK_EX); err != nil {
		return err
	}
	now, err := os.Stat(path)
	if err == nil && (!os.SameFile(l.info, now) || !l.info.ModTime().Equal(now.ModTime())) {
		err = fmt.Errorf("%s: %w", path, ErrInUse)
	}
	return err
}

// flock takes a lock without waiting. It returns ErrInUse when another process has it.
func flock(file *os.File, path string, how int) error {
	err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", path, ErrInUse)
	}
	return err
}

// compactInto writes all records to a new file at path.
func (s *Store) compactInto(path string) error {
	to, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoSync: true})
	if err != nil {
		return err
	}
	err = bbolt.Compact(to, s.db, compactBatch)
	if err == nil {
		err = to.Sync() // one sync is enough, because no process uses the file yet
	}
	return errors.Join(err, to.Close())
}

// sweep removes the files that killed commands have left beside the checkpoint: partial
// copies, and the hidden files of package files. It keeps files that are younger than an
// hour, because they may still be in use.
func sweep(path string) {
	stem := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	entries, _ := os.ReadDir(filepath.Dir(path)) // after an error the next start tries again
	for _, entry := range entries {
		name, hidden := strings.CutPrefix(entry.Name(), ".")
		if !strings.HasPrefix(name, stem) || !hidden && !slices.ContainsFunc(partialInfixes, func(infix string) bool { return strings.Contains(name, infix) }) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
}

// partialInfixes are the infixes in the names of files that are not complete yet.
var partialInfixes = []string{".new-", ".part-", ".check-"}

// replace puts a new file in the place of path and keeps the old one with CompactSuffix.
func replace(path, with string) error {
	old := path + CompactSuffix
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(path, old); err != nil {
		return err
	}
	return files.Rename(with, path)
}
