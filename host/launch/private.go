package launch

import (
	"io/fs"
	"os"
	"syscall"
)

// isPrivate reports whether the path is a directory of this user that other users
// cannot enter.
func isPrivate(dir string) bool {
	info, ok := ownFolder(dir)
	return ok && info.Mode().Perm()&0o077 == 0
}

// isOwned reports whether the path is a directory of this user that other users can
// neither list nor change.
func isOwned(dir string) bool {
	info, ok := ownFolder(dir)
	return ok && info.Mode().Perm()&0o066 == 0
}

// ownFolder returns the file info of a directory of this user. It does not follow a
// symbolic link.
func ownFolder(dir string) (fs.FileInfo, bool) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return nil, false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return info, ok && int(owner.Uid) == os.Geteuid()
}
