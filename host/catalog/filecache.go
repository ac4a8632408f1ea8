package catalog

import (
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// identity identifies the content of a file without reading it: every write to the file
// and every rename over it changes one of the fields. The path is part of it, because one
// file may be several plugins under several names.
type identity struct {
	path              string
	device, inode     uint64
	size              int64
	modified, changed syscall.Timespec
}

// minAge is the time since the last change of a file from which its identity is trusted.
// Two writes within one tick of the file system's clock leave the same times.
var minAge = 2 * time.Second

// identify returns the identity of a file. trusted is false when the file has changed
// within minAge, and when it cannot be examined.
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
	return id, time.Since(time.Unix(stat.Ctim.Unix())) > minAge
}

// fileCache holds the examined files of this process, for all catalogs. A command opens
// several catalogs, and each would otherwise read and run every plugin again.
var fileCache = struct {
	mu    sync.Mutex
	files map[identity]examined
}{files: map[identity]examined{}}

// examined is what is known about the content of a file.
type examined struct {
	sum      [32]byte
	manifest contract.Manifest // empty until the file was run with "describe"
}

// lockCache holds the parsed lock files of this process by their text, because every
// catalog reads them for every plugin.
var lockCache = struct {
	mu     sync.Mutex
	byText map[string]map[string]lockEntry
}{byText: map[string]map[string]lockEntry{}}

// parseLockOnce does the same as parseLock and caches the result. The caller must not
// change the map.
func parseLockOnce(text []byte) (map[string]lockEntry, error) {
	lockCache.mu.Lock()
	defer lockCache.mu.Unlock()
	if entries, ok := lockCache.byText[string(text)]; ok {
		return entries, nil
	}
	entries, err := parseLock(text)
	if err == nil {
		lockCache.byText[string(text)] = entries
	}
	return entries, err
}

// examine returns the hash of a file and, with withManifest, the manifest that the file
// prints. It uses the cache when the identity of the file is trusted.
func examine(path string, withManifest bool) (examined, error) {
	id, trusted := identify(path)
	fileCache.mu.Lock()
	f, cached := fileCache.files[id]
	fileCache.mu.Unlock()
	var err error
	if !cached || !trusted {
		f = examined{}
		if _, f.sum, err = files.Digest(path); err != nil {
			return examined{}, err
		}
	}
	if withManifest && f.manifest.Name == "" {
		if f.manifest, err = describe(path); err != nil {
			return examined{}, err
		}
	}
	if after, _ := identify(path); trusted && after == id {
		fileCache.mu.Lock()
		fileCache.files[id] = f
		fileCache.mu.Unlock()
	}
	return f, nil
}
