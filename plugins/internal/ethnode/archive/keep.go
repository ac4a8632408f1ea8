package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/sdk/contract"
)

// Source is a file to store.
type Source struct {
	Name string   // in the archive, without .gz
	File *os.File // open at its beginning; Keep and Reject read it to its end
}

// Keep stores a block, with gzip if compress is set. It renames the folder of a stored
// block with the same number and another hash. It does nothing where the same block
// is stored already.
func (a *Archive) Keep(block contract.Block, files []Source, compress bool) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	dir := folder(block.Number)
	if a.has(dir) {
		old, err := a.header(context.Background(), dir, block.Number)
		if err == nil && old.Hash == block.Hash {
			return nil
		}
		aside := dir + "-replaced"
		if err == nil {
			aside = dir + "-" + old.Hash.Short()
		}
		if err := a.root.RemoveAll(aside); err != nil {
			return err
		}
		if err := a.root.Rename(dir, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return a.put(dir, files, compress)
}

// Reject stores data that failed the checks, and the reason, below rejected/.
func (a *Archive) Reject(block contract.Block, files []Source, reason error, compress bool) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	dir := filepath.Join(rejected, folder(block.Number)+"-"+block.Hash.Short())
	if err := a.root.MkdirAll(rejected, 0o755); err != nil {
		return err
	}
	if err := a.root.RemoveAll(dir); err != nil {
		return err
	}
	if err := a.put(dir, files, compress); err != nil {
		return err
	}
	return a.root.WriteFile(filepath.Join(dir, "reason.txt"), []byte(reason.Error()+"\n"), 0o644)
}

// put writes a directory under a temporary name and then renames it to dir.
func (a *Archive) put(dir string, files []Source, compress bool) (err error) {
	temp := filepath.Join(filepath.Dir(dir), ".tmp-"+filepath.Base(dir))
	if err := a.root.RemoveAll(temp); err != nil {
		return err
	}
	if err := a.root.Mkdir(temp, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.root.RemoveAll(temp))
		}
	}()
	for _, f := range files {
		if err := a.write(filepath.Join(temp, f.Name), f.File, compress); err != nil {
			return fmt.Errorf("keep %s: %w", filepath.Join(a.Path(), dir, f.Name), err)
		}
	}
	return a.root.Rename(temp, dir)
}

func (a *Archive) write(name string, from io.Reader, compress bool) (err error) {
	if compress {
		name += ".gz"
	}
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if !compress {
		_, err := io.Copy(f, from)
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	_, err = io.Copy(z, from)
	return errors.Join(err, z.Close())
}

// Prune removes the blocks with the lowest numbers until at most limit numbers are
// left. All blocks of one number count once. Rejected data of a number are removed
// together with the blocks up to that number, and are also limited to limit numbers.
func (a *Archive) Prune(limit int) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	kept, err := a.prune(".", limit, 0)
	if err != nil {
		return err
	}
	lowest := uint64(0)
	if len(kept) == limit && limit > 0 {
		lowest = kept[0]
	}
	_, err = a.prune(rejected, limit, lowest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rejected is the name of the folder of data that failed the checks.
const rejected = "rejected"

// prune removes the entries of a folder whose number is below lowest or not among the
// limit largest. It returns the remaining numbers in ascending order.
func (a *Archive) prune(dir string, limit int, lowest uint64) (numbers []uint64, err error) {
	entries, err := fs.ReadDir(a.root.FS(), dir)
	if err != nil {
		return nil, err
	}
	names := make(map[uint64][]string)
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "-")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil && e.IsDir() && folder(n) == number {
			names[n] = append(names[n], e.Name())
		}
	}
	numbers = slices.Sorted(maps.Keys(names))
	for i, n := range numbers {
		if len(numbers)-i <= limit && n >= lowest {
			return numbers[i:], nil
		}
		for _, name := range names[n] {
			if err := a.root.RemoveAll(filepath.Join(dir, name)); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}
