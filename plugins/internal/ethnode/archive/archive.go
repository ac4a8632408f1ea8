// Package archive stores blocks and their witnesses in a directory, and reads them
// from a directory or a bucket:
//
//	chain.json                          optional: {"chainId": 1, …}, as in a genesis file's "config"
//	<number>/block.json[.gz]            eth_getBlockByNumber(n, true)
//	<number>/witness.json[.gz]          debug_executionWitness
//	<number>/chain.json                 optional, for this block alone
//	<number>-<hash, 8 digits>/…         a block that was replaced by another block of the same number
//	rejected/<number>-<hash, 8 digits>/ data that failed the checks, with reason.txt
//
// A file holds a result or a whole JSON-RPC response. A block's directory appears
// complete or not at all.
//
// reporter-archive names every block's folder with its hash, so that it never moves a
// folder:
//
//	<number>-<hash, 8 digits>/block.json[.gz], witness.json[.gz], chain.json
//	<number>-<hash, 8 digits>/<stage>/…          the guest input, the proof, what gates have found
//	<number>-<hash, 8 digits>/<stage>/manifest.json
//
// There the block that was stored last is the block of its number.
package archive

import (
	"errors"
	"os"
	"sync"

	"github.com/proofline/proofline/plugins/internal/objects"
)

// Archive stores blocks in a directory and reads them. It is safe for concurrent use.
// One process may write to a directory while several read.
type Archive struct {
	*Blocks
	root    *os.Root
	writing sync.Mutex
}

// Open opens an archive in an existing directory. The caller must call Close.
func Open(dir string) (*Archive, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	store, err := objects.OpenDir(dir)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Archive{Blocks: NewBlocks(store), root: root}, nil
}

// Close releases the directory.
func (a *Archive) Close() error { return errors.Join(a.Blocks.Close(), a.root.Close()) }

// Path returns the path of the directory.
func (a *Archive) Path() string { return a.root.Name() }

func (a *Archive) has(name string) bool {
	_, err := a.root.Stat(name)
	return err == nil
}
