package launch

import (
	"io/fs"
	"os"
	"syscall"
)

// private reports whether the path is a directory of this user that others
// cannot enter.
func private(dir string) bool {
	info, ok := ownFolder(dir)
	return ok && info.Mode().Perm()&0o077 == 0
}

// owned reports whether the path is a directory of this user in which others can make
// and list nothing.
func owned(dir string) bool {
	info, ok := ownFolder(dir)
	return ok && info.Mode().Perm()&0o066 == 0
}

func ownFolder(dir string) (fs.FileInfo, bool) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return nil, false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return info, ok && int(owner.Uid) == os.Geteuid()
}
