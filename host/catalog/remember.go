package catalog

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/proofline/proofline/sdk/files"
)

// remembered is an entry of the file that Keep writes.
type remembered struct {
	Path     string           `json:"path"`
	Device   uint64           `json:"device"`
	Inode    uint64           `json:"inode"`
	Size     int64            `json:"size"`
	Modified syscall.Timespec `json:"modified"`
	Changed  syscall.Timespec `json:"changed"`
	SHA256   string           `json:"sha256"`
}

// Recall takes over from a file, which Keep has written, the hashes that another process
// has found of files that have not changed since, so that a start need not read every
// plugin. A file that cannot be read is as good as none.
//
// Nothing is trusted for it but that a file is still the one that it was when the other
// process read it. Of a plugin that a lock pins the host runs a copy, and hashes that
// before.
func Recall(path string) {
	var list []remembered
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &list) == nil {
		recall(list)
	}
}

// Keep writes what this process has found for the next one.
func Keep(path string) error {
	list := learned()
	var before []remembered
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &before) == nil && slices.Equal(list, before) {
		return nil
	}
	return files.WriteJSON(path, 0o600, list)
}

func recall(list []remembered) {
	known.mu.Lock()
	defer known.mu.Unlock()
	for _, r := range list {
		id := identity{path: r.Path, device: r.Device, inode: r.Inode, size: r.Size, modified: r.Modified, changed: r.Changed}
		sum, err := hex.DecodeString(r.SHA256)
		if _, have := known.of[id]; have || err != nil || len(sum) != 32 {
			continue
		}
		known.of[id] = facts{sum: [32]byte(sum)}
	}
}

// learned lists, by path, what is known of files that are as they were.
func learned() []remembered {
	known.mu.Lock()
	defer known.mu.Unlock()
	list := []remembered{}
	for id, f := range known.of {
		if now, _ := identify(id.path); now != id {
			continue
		}
		list = append(list, remembered{id.path, id.device, id.inode, id.size, id.modified, id.changed, hexSum(f.sum)})
	}
	slices.SortFunc(list, func(a, b remembered) int { return strings.Compare(a.Path, b.Path) })
	return list
}
