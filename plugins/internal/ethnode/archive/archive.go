// Package archive keeps blocks and their witnesses in a directory, and reads
// them again:
//
//	chain.json                          optional: {"chainId": 1, …}, as in a genesis file's "config"
//	<number>/block.json[.gz]            eth_getBlockByNumber(n, true)
//	<number>/witness.json[.gz]          debug_executionWitness
//	<number>/chain.json                 optional, for this block alone
//	<number>-<hash, 8 digits>/…         a block that another one of the number replaced
//	rejected/<number>-<hash, 8 digits>/ data that failed the checks, with reason.txt
//
// A file may be a bare result or a whole JSON-RPC answer. A block's directory
// appears complete or not at all.
package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/sdk/contract"
)

// Archive is a directory of blocks. It is safe for concurrent use; several
// processes may read while one writes.
type Archive struct {
	root    *os.Root
	writing sync.Mutex
}

// Open opens a directory that exists.
func Open(dir string) (*Archive, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Archive{root: root}, nil
}

// Close releases the directory.
func (a *Archive) Close() error { return a.root.Close() }

// Path is the directory.
func (a *Archive) Path() string { return a.root.Name() }

// Numbers lists the blocks, ascending.
func (a *Archive) Numbers() ([]uint64, error) {
	entries, err := fs.ReadDir(a.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, e := range entries {
		if n, err := strconv.ParseUint(e.Name(), 10, 64); err == nil && e.IsDir() && strconv.FormatUint(n, 10) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Header reads the header of a block. The error is fs.ErrNotExist where there
// is none.
func (a *Archive) Header(number uint64) (h ethnode.Header, err error) {
	f, err := a.open(folder(number), contract.ArtifactBlock)
	if err != nil {
		return h, err
	}
	defer f.Close()
	var text bytes.Buffer
	if err = ethnode.Unwrap(&text, f); err == nil {
		err = json.Unmarshal(text.Bytes(), &h)
	}
	if err != nil {
		return h, fmt.Errorf("%s: %w", filepath.Join(a.Path(), folder(number), contract.ArtifactBlock), err)
	}
	if h.Number != number {
		return h, fmt.Errorf("%s: holds block %d", filepath.Join(a.Path(), folder(number)), h.Number)
	}
	return h, nil
}

func folder(number uint64) string { return strconv.FormatUint(number, 10) }

// file is an open file, unpacked where its name ends in .gz.
type file struct {
	io.Reader
	closers []io.Closer
}

func (f *file) Close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// open opens dir/name, or dir/name.gz.
func (a *Archive) open(dir, name string) (io.ReadCloser, error) {
	f, err := a.root.Open(filepath.Join(dir, name))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	packed, errPacked := a.root.Open(filepath.Join(dir, name+".gz"))
	if errPacked != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(a.Path(), dir, name+"[.gz]"), fs.ErrNotExist)
	}
	z, err := gzip.NewReader(packed)
	if err != nil {
		packed.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Join(a.Path(), dir, name+".gz"), err)
	}
	return &file{z, []io.Closer{z, packed}}, nil
}

// Name implements ethnode.Reader.
func (a *Archive) Name() string { return a.Path() }

// Block implements ethnode.Reader.
func (a *Archive) Block(ctx context.Context, dst io.Writer, block contract.Block) error {
	return a.copy(ctx, dst, block, contract.ArtifactBlock)
}

// Witness implements ethnode.Reader.
func (a *Archive) Witness(ctx context.Context, dst io.Writer, block contract.Block) error {
	return a.copy(ctx, dst, block, contract.ArtifactWitness)
}

// ChainConfig copies the chain's rules to dst where the archive has them; found
// is false where it does not.
func (a *Archive) ChainConfig(dst io.Writer, block contract.Block) (found bool, err error) {
	for _, dir := range []string{folder(block.Number), "."} {
		f, err := a.open(dir, contract.ArtifactChain)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		defer f.Close()
		_, err = io.Copy(dst, f)
		return true, err
	}
	return false, nil
}

func (a *Archive) copy(ctx context.Context, dst io.Writer, block contract.Block, name string) error {
	dir := folder(block.Number)
	if aside := dir + "-" + block.Hash.Short(); a.has(aside) {
		dir = aside
	}
	f, err := a.open(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return contract.Permanent(fmt.Errorf("the archive lacks %s of block %d: %w", name, block.Number, err))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := ethnode.Unwrap(dst, &interruptible{ctx, f}); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(a.Path(), dir, name), err)
	}
	return nil
}

func (a *Archive) has(name string) bool {
	_, err := a.root.Stat(name)
	return err == nil
}

// interruptible is a reader that ends with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, contract.Interrupted(context.Cause(i.ctx))
	}
	return i.r.Read(p)
}
