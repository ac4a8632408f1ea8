// Package archive keeps blocks and their witnesses in a directory or a bucket, and
// reads them again:
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
//
// What reporter-archive has stored names every block with its hash, so that none is
// ever moved:
//
//	<number>-<hash, 8 digits>/block.json[.gz], witness.json[.gz], chain.json
//	<number>-<hash, 8 digits>/<stage>/…          the guest input, the proof, what gates have found
//	<number>-<hash, 8 digits>/<stage>/manifest.json
//
// There the block of a number is the one that was stored last.
package archive

import (
	"errors"
	"os"
	"sync"

	"github.com/proofline/proofline/plugins/internal/objects"
)

// Archive is a directory of blocks that is written. It is safe for concurrent use;
// several processes may read while one writes.
type Archive struct {
	*Blocks
	root    *os.Root
	writing sync.Mutex
}

// Open opens a directory that exists.
func Open(dir string) (*Archive, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	store, err := objects.OpenDir(dir)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Archive{Blocks: Read(store), root: root}, nil
}

// Close releases the directory.
func (a *Archive) Close() error { return errors.Join(a.Blocks.Close(), a.root.Close()) }

// Path is the directory.
func (a *Archive) Path() string { return a.root.Name() }

func (a *Archive) has(name string) bool {
	_, err := a.root.Stat(name)
	return err == nil
}
