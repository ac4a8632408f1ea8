package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// sharedDirs are the directories in which ZisK leaves shared memory, semaphores and lock
// files, with the prefixes of their names.
// Source: 0xPolygonHermez/zisk:emulator-asm/asm-runner/src/asm_services@v0.14.0,
// @v0.16.1, @v0.18.0.
var sharedDirs = []struct{ dir, prefix string }{
	{"/dev/shm", "ZISK_"},
	{"/dev/shm", "sem.ZISK_"},
	{os.TempDir(), "ZISK_"},
}

// SharedEntries returns the paths of the entries that have one of the numbers in their
// names. Up to 0.16 these are the ports of the services, later the process id of
// cargo-zisk.
func SharedEntries(numbers ...int) []string {
	var found []string
	for _, d := range sharedDirs {
		for _, name := range namesIn(d.dir) {
			rest, ok := strings.CutPrefix(name, d.prefix)
			if !ok {
				continue
			}
			digits, _, ok := strings.Cut(rest, "_")
			number, err := strconv.Atoi(digits)
			if !ok || err != nil || d.dir != "/dev/shm" && !strings.HasSuffix(rest, ".lock") {
				continue
			}
			for _, n := range numbers {
				if n == number {
					found = append(found, filepath.Join(d.dir, name))
				}
			}
		}
	}
	return found
}

// namesIn returns the names in a directory, unsorted, because a directory of temporary
// files may hold very many. It returns none if the directory cannot be read.
func namesIn(dir string) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	return names
}

// RemoveShared removes the entries that have one of the numbers in their names, and
// returns their paths. The processes that use them must have ended.
func RemoveShared(numbers ...int) ([]string, error) {
	var removed []string
	var errs []error
	for _, path := range SharedEntries(numbers...) {
		err := os.Remove(path)
		switch {
		case err == nil:
			removed = append(removed, path)
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return removed, errors.Join(errs...)
}

// Space is the total and the free space of a file system, in bytes.
type Space struct{ Total, Free uint64 }

// SharedSpace returns the space of /dev/shm.
func SharedSpace() (Space, error) { return SpaceOf("/dev/shm") }

// SpaceOf returns the space of the file system that holds the path.
func SpaceOf(path string) (Space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return Space{}, fmt.Errorf("%s: %w", path, err)
	}
	return Space{Total: s.Blocks * uint64(s.Bsize), Free: s.Bavail * uint64(s.Bsize)}, nil
}
