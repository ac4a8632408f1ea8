package catalog

import (
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// identity tells the content of a file apart without reading it: every write, and
// every rename over it, changes one of the fields. The path belongs to it, because one
// file may be several plugins by several names.
type identity struct {
	path              string
	device, inode     uint64
	size              int64
	modified, changed syscall.Timespec
}

// settled is how long ago a file must have changed before its identity is trusted:
// two writes within one tick of the file system's clock leave the same times.
var settled = 2 * time.Second

func identify(path string) (id identity, trusted bool) {
	info, err := os.Stat(path)
	if err != nil {
		return id, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return id, false
	}
	id = identity{path: path, device: uint64(stat.Dev), inode: stat.Ino, size: stat.Size, modified: stat.Mtim, changed: stat.Ctim}
	return id, time.Since(time.Unix(stat.Ctim.Unix())) > settled
}

// known holds what this process has learned of files, for all catalogs: a command
// opens several, and each would read and run every plugin again.
var known = struct {
	mu sync.Mutex
	of map[identity]facts
}{of: map[identity]facts{}}

// facts are what a file of an identity is.
type facts struct {
	sum      [32]byte
	manifest contract.Manifest // empty until the file was asked
}

// locks holds what this process has read of lock files, by their text: every catalog
// and every plugin asks for them again.
var locks = struct {
	mu sync.Mutex
	of map[string]map[string]lockEntry
}{of: map[string]map[string]lockEntry{}}

// parseLockOnce is parseLock. The map that it returns is not to be changed.
func parseLockOnce(text []byte) (map[string]lockEntry, error) {
	locks.mu.Lock()
	defer locks.mu.Unlock()
	if entries, ok := locks.of[string(text)]; ok {
		return entries, nil
	}
	entries, err := parseLock(text)
	if err == nil {
		locks.of[string(text)] = entries
	}
	return entries, err
}

// learn returns the hash of a file and, if it is asked to describe itself, the
// manifest that it gives.
func learn(path string, ask bool) (facts, error) {
	id, trusted := identify(path)
	known.mu.Lock()
	f, have := known.of[id]
	known.mu.Unlock()
	have = have && trusted
	var err error
	if !have {
		f = facts{}
		if _, f.sum, err = files.Digest(path); err != nil {
			return facts{}, err
		}
	}
	if ask && f.manifest.Name == "" {
		if f.manifest, err = describe(path); err != nil {
			return facts{}, err
		}
	}
	if after, _ := identify(path); trusted && after == id {
		known.mu.Lock()
		known.of[id] = f
		known.mu.Unlock()
	}
	return f, nil
}
