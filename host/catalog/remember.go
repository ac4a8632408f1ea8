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

// memory is the file that Keep writes.
type memory struct {
	Boot  string       `json:"boot"` // of the system: a power cut may take bytes that were hashed
	Files []remembered `json:"files"`
}

// Recall takes over from a file, which Keep has written, the hashes that another process
// has found of files that have not changed since, so that a start need not read every
// plugin and every copy of one. A file that cannot be read, and one of an earlier boot of
// the system, is as good as none.
//
// Nothing is trusted for it but that a file is still the one that it was when the other
// process read it, and that only who may write to all files of the host's user may write
// to this one.
func Recall(path string) {
	var m memory
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &m) == nil && m.Boot != "" && m.Boot == boot() {
		recall(m.Files)
	}
}

// boot names the time since the system was started (random(4), boot_id); "" where that
// is not known.
func boot() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Digest is the SHA-256 of a file, which is not read if it is one that this process or a
// recalled one has read and that has not changed since.
func Digest(path string) (contract.Digest, error) {
	f, err := learn(path, false)
	return f.sum, err
}

// Keep writes what this process has found for the next one.
func Keep(path string) error {
	now := memory{Boot: boot(), Files: learned()}
	var before memory
	if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &before) == nil &&
		now.Boot == before.Boot && slices.Equal(now.Files, before.Files) {
		return nil
	}
	return files.WriteJSON(path, 0o600, now)
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
