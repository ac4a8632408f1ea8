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

// Backup writes a copy to path, of one instant, while the store is in use. The
// copy appears whole or not at all, and replaces what is there.
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

// CompactSuffix is what Compact appends to the name of the file that it has
// replaced.
const CompactSuffix = ".bak"

// compactBatch is how many bytes one transaction of a compaction writes.
const compactBatch = 4 << 20

// Compact rewrites a file that no host has open without the space that nothing
// uses, and returns its sizes in bytes. The file as it was stays beside it, with
// CompactSuffix; one that an earlier Compact left there is replaced. At every
// instant there is a whole checkpoint under the name.
//
// A file with damaged pages of which every record is whole is mended by it; what
// was wrong is returned. Where one of the two meta pages was damaged, what the last
// transaction wrote may be missing.
func Compact(path string) (before, after int64, mended []Problem, err error) {
	locked, err := holdShared(path)
	if err != nil {
		return 0, 0, nil, err
	}
	defer locked.file.Close()
	report, err := Check(path)
	if err != nil {
		return 0, 0, nil, err
	}
	if len(report.Problems) > 0 && !report.Mendable {
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
	copying, err := look(lookAndCopy, path, temp.Name())
	if err == nil && len(copying.Problems) > 0 {
		err = summary(copying.Problems)
	}
	if err != nil {
		return 0, 0, nil, fmt.Errorf("compact checkpoint %s: %w", path, err)
	}
	copied, err := Check(temp.Name()) // with the sum of all records
	if err == nil && len(copied.Problems) > 0 {
		err = summary(copied.Problems)
	}
	if err == nil && len(report.Problems) == 0 && copied.Counts != report.Counts {
		err = fmt.Errorf("it holds %+v, not %+v", copied.Counts, report.Counts)
	}
	if err != nil {
		return 0, 0, nil, fmt.Errorf("the compacted copy of %s is not used: %w", path, err)
	}
	if err := locked.claim(path); err != nil {
		return 0, 0, nil, err
	}
	if err := replace(path, temp.Name()); err != nil {
		return 0, 0, nil, environment(err)
	}
	return report.Size, copied.Size, report.Problems, nil
}

// held is a file with the lock that bbolt takes for itself.
type held struct {
	file *os.File
	info os.FileInfo
}

// holdShared keeps hosts from opening a file, and lets others read it.
func holdShared(path string) (held, error) {
	file, err := os.Open(path)
	if err != nil {
		return held{}, environment(fmt.Errorf("open checkpoint: %w", err))
	}
	info, err := file.Stat()
	if err == nil {
		err = flock(file, path, syscall.LOCK_SH)
	}
	if err != nil {
		return held{}, errors.Join(err, file.Close())
	}
	return held{file, info}, nil
}

// claim makes sure that nobody else has the file, and that it is still the one
// under the name and was not changed. Between the two locks a host may have been
// at work.
func (h held) claim(path string) error {
	if err := flock(h.file, path, syscall.LOCK_EX); err != nil {
		return err
	}
	now, err := os.Stat(path)
	if err == nil && (!os.SameFile(h.info, now) || !h.info.ModTime().Equal(now.ModTime())) {
		err = fmt.Errorf("%s: %w", path, ErrInUse)
	}
	return err
}

func flock(file *os.File, path string, how int) error {
	err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", path, ErrInUse)
	}
	return err
}

func (s *Store) compactInto(path string) error {
	to, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, NoSync: true})
	if err != nil {
		return err
	}
	err = bbolt.Compact(to, s.db, compactBatch)
	if err == nil {
		err = to.Sync() // once is enough: nobody knows the file yet
	}
	return errors.Join(err, to.Close())
}

// sweep removes what commands that were killed left beside the checkpoint: parts
// of copies, and the hidden files of package files. What is younger than an hour may
// still be in work.
func sweep(path string) {
	stem := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	beside, _ := os.ReadDir(filepath.Dir(path)) // the next start tries again
	for _, entry := range beside {
		name, hidden := strings.CutPrefix(entry.Name(), ".")
		if !strings.HasPrefix(name, stem) || !hidden && !slices.ContainsFunc(partial, func(infix string) bool { return strings.Contains(name, infix) }) {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))
		}
	}
}

// partial are the infixes in the names of files that are not whole yet.
var partial = []string{".new-", ".part-", ".check-"}

// replace puts a new file in the place of path and keeps the old one.
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
