package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/internal/objects"
	"github.com/proofline/proofline/sdk/contract"
)

// listLifetime is how long the list of a bucket's folders is used before it is read
// again. Reading it costs one request for every thousand blocks.
const listLifetime = 30 * time.Second

// Blocks reads an archive. It is safe for concurrent use.
type Blocks struct {
	store        objects.Store
	listLifetime time.Duration // 0 where the list is read every time

	mu      sync.Mutex
	listed  time.Time
	folders map[uint64][]string // names by block number
}

// NewBlocks returns a reader of the archive in a store. Its Close closes the store.
func NewBlocks(store objects.Store) *Blocks {
	b := &Blocks{store: store}
	if _, remote := store.(*objects.Bucket); remote {
		b.listLifetime = listLifetime
	}
	return b
}

// Close closes the store.
func (b *Blocks) Close() error { return b.store.Close() }

// Name implements ethnode.Reader.
func (b *Blocks) Name() string { return b.store.Name() }

// Numbers returns the numbers of the stored blocks in ascending order.
func (b *Blocks) Numbers(ctx context.Context) ([]uint64, error) {
	folders, err := b.list(ctx)
	return slices.Sorted(maps.Keys(folders)), err
}

// list returns the folders of each number.
func (b *Blocks) list(ctx context.Context) (map[uint64][]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.folders != nil && b.listLifetime > 0 && time.Since(b.listed) < b.listLifetime {
		return b.folders, nil
	}
	names, err := b.store.Folders(ctx)
	if err != nil {
		return nil, err
	}
	folders := map[uint64][]string{}
	for _, name := range names {
		if number, ok := numberOf(name); ok {
			folders[number] = append(folders[number], name)
		}
	}
	b.folders, b.listed = folders, time.Now()
	return folders, nil
}

// numberOf parses the name of a block's folder: <number> or <number>-<hash, 8 digits>.
func numberOf(name string) (uint64, bool) {
	digits, hash, hasHash := strings.Cut(name, "-")
	number, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || folder(number) != digits {
		return 0, false
	}
	if hasHash {
		if _, err := strconv.ParseUint(hash, 16, 32); err != nil || len(hash) != 8 {
			return 0, false
		}
	}
	return number, true
}

// folderOf returns the folder of a number. Where no folder is named by the number
// alone, that is the folder whose block was stored last. The error wraps
// fs.ErrNotExist where there is none.
func (b *Blocks) folderOf(ctx context.Context, number uint64) (string, error) {
	folders, err := b.list(ctx)
	if err != nil {
		return "", err
	}
	var newest string
	var stored time.Time
	for _, name := range folders[number] {
		if name == folder(number) || len(folders[number]) == 1 {
			return name, nil
		}
		for _, suffix := range []string{"", ".gz"} {
			at, err := b.store.Modified(ctx, path.Join(name, contract.ArtifactBlock+suffix))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
			if at.After(stored) {
				newest, stored = name, at
			}
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s: %w", path.Join(b.Name(), folder(number)), fs.ErrNotExist)
	}
	return newest, nil
}

// Header reads the header of the block with this number. The error wraps
// fs.ErrNotExist where there is none.
func (b *Blocks) Header(ctx context.Context, number uint64) (h ethnode.Header, err error) {
	dir, err := b.folderOf(ctx, number)
	if err != nil {
		return h, err
	}
	return b.header(ctx, dir, number)
}

// header reads the header of the block in a folder, which must have that number.
func (b *Blocks) header(ctx context.Context, dir string, number uint64) (h ethnode.Header, err error) {
	f, err := b.open(ctx, dir, contract.ArtifactBlock)
	if err != nil {
		return h, err
	}
	defer f.Close()
	var text bytes.Buffer
	if err = ethnode.Unwrap(&text, f); err == nil {
		err = json.Unmarshal(text.Bytes(), &h)
	}
	if err != nil {
		return h, fmt.Errorf("%s: %w", path.Join(b.Name(), dir, contract.ArtifactBlock), err)
	}
	if h.Number != number {
		return h, fmt.Errorf("%s: holds block %d", path.Join(b.Name(), dir), h.Number)
	}
	return h, nil
}

func folder(number uint64) string { return strconv.FormatUint(number, 10) }

// folderWithHash returns the name of a block's folder in the form with the hash.
func folderWithHash(block contract.Block) string {
	return folder(block.Number) + "-" + block.Hash.Short()
}

// file is an open compressed file. Reading returns the uncompressed bytes.
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

// open opens dir/name, or dir/name.gz where that does not exist. The error wraps
// fs.ErrNotExist where neither exists.
func (b *Blocks) open(ctx context.Context, dir, name string) (io.ReadCloser, error) {
	f, err := b.store.Open(ctx, path.Join(dir, name))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	compressed, err := b.store.Open(ctx, path.Join(dir, name+".gz"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path.Join(b.Name(), dir, name+"[.gz]"), fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(compressed)
	if err != nil {
		compressed.Close()
		return nil, fmt.Errorf("%s: %w", path.Join(b.Name(), dir, name+".gz"), err)
	}
	return &file{z, []io.Closer{z, compressed}}, nil
}

// openFile opens a file of a block: in the folder with the block's hash, or else in
// that of its number.
func (b *Blocks) openFile(ctx context.Context, block contract.Block, name string) (io.ReadCloser, error) {
	f, err := b.open(ctx, folderWithHash(block), name)
	if errors.Is(err, fs.ErrNotExist) {
		return b.open(ctx, folder(block.Number), name)
	}
	return f, err
}

// Block implements ethnode.Reader.
func (b *Blocks) Block(ctx context.Context, dst io.Writer, block contract.Block) error {
	return b.copy(ctx, dst, block, contract.ArtifactBlock)
}

// Witness implements ethnode.Reader.
func (b *Blocks) Witness(ctx context.Context, dst io.Writer, block contract.Block) error {
	return b.copy(ctx, dst, block, contract.ArtifactWitness)
}

// ChainConfig copies the chain.json of the block, or else of the archive, to dst.
// found is false where there is neither.
func (b *Blocks) ChainConfig(ctx context.Context, dst io.Writer, block contract.Block) (found bool, err error) {
	f, err := b.openFile(ctx, block, contract.ArtifactChain)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = b.open(ctx, ".", contract.ArtifactChain)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, err = io.Copy(dst, f)
	return true, err
}

func (b *Blocks) copy(ctx context.Context, dst io.Writer, block contract.Block, name string) error {
	f, err := b.openFile(ctx, block, name)
	if errors.Is(err, fs.ErrNotExist) {
		return contract.Permanent(fmt.Errorf("the archive lacks %s of block %d: %w", name, block.Number, err))
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := ethnode.Unwrap(dst, f); err != nil {
		return fmt.Errorf("%s of block %d in %s: %w", name, block.Number, b.Name(), err)
	}
	return nil
}
