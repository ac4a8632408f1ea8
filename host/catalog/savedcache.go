package catalog

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// savedFile is an entry of a savedCache.
type savedFile struct {
	Path     string           `json:"path"`
	Device   uint64           `json:"device"`
	Inode    uint64           `json:"inode"`
	Size     int64            `json:"size"`
	Modified syscall.Timespec `json:"modified"`
	Changed  syscall.Timespec `json:"changed"`
	SHA256   string           `json:"sha256"`
}

// savedCache is the content of the file that SaveDigests writes.
type savedCache struct {
	// Boot is the bootID when the file was written. Hashes of an earlier boot do not count,
	// because a power failure may lose bytes that were hashed.
	Boot  string      `json:"boot"`
	Files []savedFile `json:"files"`
}

// LoadDigests reads the hashes that SaveDigests of an earlier process has written, so
// that this process need not read every plugin again. A hash counts only while the
// identity of its file is unchanged. A file that cannot be read or that was written
// before the last boot is ignored.
//
// An attacker who can write to this file can also write to the plugins: both belong to
// the user of the host.
func LoadDigests(path string) {
	var saved savedCache
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &saved) == nil && saved.Boot != "" && saved.Boot == bootID() {
		addSaved(saved.Files)
	}
}

// bootID identifies the current boot of the system (random(4), boot_id). It is empty when
// the system does not state it.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Digest returns the SHA-256 of a file. It does not read the file when the cache has the
// hash of the unchanged file.
func Digest(path string) (contract.Digest, error) {
	f, err := examine(path, false)
	return f.sum, err
}

// SaveDigests writes the hashes in the cache to a file for LoadDigests of the next
// process.
func SaveDigests(path string) error {
	now := savedCache{Boot: bootID(), Files: unchangedFiles()}
	var before savedCache
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &before) == nil &&
		now.Boot == before.Boot && slices.Equal(now.Files, before.Files) {
		return nil
	}
	return files.WriteJSON(path, 0o600, now)
}

// addSaved adds the saved files to the cache that it does not have.
func addSaved(list []savedFile) {
	fileCache.mu.Lock()
	defer fileCache.mu.Unlock()
	for _, s := range list {
		id := identity{path: s.Path, device: s.Device, inode: s.Inode, size: s.Size, modified: s.Modified, changed: s.Changed}
		sum, err := hex.DecodeString(s.SHA256)
		if _, cached := fileCache.files[id]; cached || err != nil || len(sum) != 32 {
			continue
		}
		fileCache.files[id] = examined{sum: [32]byte(sum)}
	}
}

// unchangedFiles returns the files in the cache whose identity is unchanged, by path.
func unchangedFiles() []savedFile {
	fileCache.mu.Lock()
	defer fileCache.mu.Unlock()
	list := []savedFile{}
	for id, f := range fileCache.files {
		if now, _ := identify(id.path); now != id {
			continue
		}
		list = append(list, savedFile{id.path, id.device, id.inode, id.size, id.modified, id.changed, hexSum(f.sum)})
	}
	slices.SortFunc(list, func(a, b savedFile) int { return strings.Compare(a.Path, b.Path) })
	return list
}
