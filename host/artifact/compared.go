package artifact

import (
	"io/fs"
	"strings"
	"sync"
	"syscall"
	"time"
)

// compared knows the files that this process has compared with their hashes, so that the
// stages that get them need not read them for that again. It forgets everything at the end
// of the process. The zero value is ready for use. It is safe for concurrent use.
type compared struct {
	mu    sync.Mutex
	files map[string]map[string]fileState // by the job, and by the path relative to the data directory
}

// fileState is what the file system says of a file. A file that was written to has another
// time, and one that was exchanged has another inode. The time of the inode's last change is
// no part of it, because every hard link changes that.
type fileState struct {
	device, inode uint64
	size          int64
	modified      time.Time
}

func stateOf(info fs.FileInfo) fileState {
	system := info.Sys().(*syscall.Stat_t)
	return fileState{uint64(system.Dev), system.Ino, info.Size(), info.ModTime()}
}

// add adds a file that was in this state before it was compared.
func (c *compared) add(path string, info fs.FileInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	job := jobOf(path)
	if c.files == nil {
		c.files = map[string]map[string]fileState{}
	}
	if c.files[job] == nil {
		c.files[job] = map[string]fileState{}
	}
	c.files[job][path] = stateOf(info)
}

// has reports whether a file, or a hard link to it, is still the file that was compared.
func (c *compared) has(path string, info fs.FileInfo) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.files[jobOf(path)][path]
	return ok && known == stateOf(info)
}

// forget forgets the files of a job.
func (c *compared) forget(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.files, job)
}

// jobOf returns the job in the path attempts/<job>/… of an artifact.
func jobOf(path string) string {
	_, rest, _ := strings.Cut(path, "/")
	job, _, _ := strings.Cut(rest, "/")
	return job
}
