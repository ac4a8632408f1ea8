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

// Source is a file to keep: its name in the archive, and its content.
type Source struct {
	Name string
	File *os.File // open at the beginning; Keep reads it to its end
}

// Keep adds a block, packed if pack is true. A block of the same number but
// another hash that is there already is moved aside; the same block is left as
// it is.
func (a *Archive) Keep(block contract.Block, files []Source, pack bool) error {
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
	return a.put(dir, files, pack)
}

// Reject keeps data that failed the checks, and why.
func (a *Archive) Reject(block contract.Block, files []Source, reason error, pack bool) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	dir := filepath.Join(rejected, folder(block.Number)+"-"+block.Hash.Short())
	if err := a.root.MkdirAll(rejected, 0o755); err != nil {
		return err
	}
	if err := a.root.RemoveAll(dir); err != nil {
		return err
	}
	if err := a.put(dir, files, pack); err != nil {
		return err
	}
	return a.root.WriteFile(filepath.Join(dir, "reason.txt"), []byte(reason.Error()+"\n"), 0o644)
}

// put writes a directory under a temporary name and renames it.
func (a *Archive) put(dir string, files []Source, pack bool) (err error) {
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
		if err := a.write(filepath.Join(temp, f.Name), f.File, pack); err != nil {
			return fmt.Errorf("keep %s: %w", filepath.Join(a.Path(), dir, f.Name), err)
		}
	}
	return a.root.Rename(temp, dir)
}

func (a *Archive) write(name string, from io.Reader, pack bool) (err error) {
	if pack {
		name += ".gz"
	}
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if !pack {
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

// Prune removes the blocks with the lowest numbers until at most most numbers are
// left. A block that another one of its number replaced counts with that number, and
// so do data that failed the checks, which stay as long as a block of their number
// or an older one does, but no more than most of them.
func (a *Archive) Prune(most int) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	kept, err := a.prune(".", most, 0)
	if err != nil {
		return err
	}
	lowest := uint64(0)
	if len(kept) == most && most > 0 {
		lowest = kept[0]
	}
	_, err = a.prune(rejected, most, lowest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rejected is the folder of data that failed the checks.
const rejected = "rejected"

// prune removes the entries of a folder whose number is below lowest, or is none of
// the most largest, and returns the numbers that stay, ascending.
func (a *Archive) prune(dir string, most int, lowest uint64) (numbers []uint64, err error) {
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
		if len(numbers)-i <= most && n >= lowest {
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
