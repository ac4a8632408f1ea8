package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// UnreachableError says which folder or file keeps a user from a path.
type UnreachableError struct {
	User string
	At   string // the first path, from the root on, that the user may not enter or execute
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("user %s may not go through %s", e.User, e.At)
}

// Enters returns an UnreachableError unless the user may go through every folder on
// the way to an absolute path, that itself included. What does not exist yet is passed
// over. The kernel is asked, as that user, so that access control lists count.
func (a *Account) Enters(dir string) error {
	return a.as(func() error { return a.walk(filepath.Clean(dir)) })
}

// Executes returns an UnreachableError unless the user may execute a file.
func (a *Account) Executes(file string) error {
	return a.as(func() error {
		if err := a.walk(filepath.Dir(filepath.Clean(file))); err != nil {
			return err
		}
		if err := unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS); errors.Is(err, fs.ErrPermission) {
			return &UnreachableError{a.Name, file}
		}
		return nil // what is wrong otherwise is said by what starts it
	})
}

// walk enters one folder after the other.
func (a *Account) walk(dir string) error {
	path := "/"
	for _, element := range append([]string{""}, strings.Split(strings.Trim(dir, "/"), "/")...) {
		path = filepath.Join(path, element)
		var st unix.Stat_t
		if err := unix.Stat(path+"/.", &st); errors.Is(err, fs.ErrPermission) {
			return &UnreachableError{a.Name, path}
		}
	}
	return nil
}

// as runs a function on a thread that the kernel takes for the user's whenever a path
// is looked up (setfsuid(2)). Where this process may not become the user, the answer is
// that of its own user.
func (a *Account) as(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		// The calls of package syscall would change every thread of the process.
		_, _, _ = syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		_ = unix.Setfsgid(a.GID)
		_ = unix.Setfsuid(a.UID)
		// The right to pass by all permissions goes with root, and from others by this.
		_ = unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &make([]unix.CapUserData, 2)[0])
		result <- f()
	}()
	return <-result
}

// Open lets other users go through folders, of which they can list nothing for that.
// Those that they may go through already are left alone.
func Open(dirs ...string) error {
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err == nil && info.Mode().Perm()&0o011 != 0o011 {
			err = os.Chmod(dir, info.Mode().Perm()|0o011)
		}
		if err != nil {
			return fmt.Errorf("let other users through: %w", err)
		}
	}
	return nil
}

// HandOver makes a folder, or what is there of it from an earlier user, the user's and
// nobody else's. Of what lies inside only that changes its owner which belonged to the
// folder's former owner; links are not followed.
func (a *Account) HandOver(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", dir)
	}
	if before := int(info.Sys().(*syscall.Stat_t).Uid); before != a.UID {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || name == "." {
				return err
			}
			info, err := d.Info()
			if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != before {
				return err
			}
			return root.Lchown(name, a.UID, a.GID)
		})
		if err != nil {
			return fmt.Errorf("hand %s over to user %s: %w", dir, a.Name, err)
		}
	}
	return errors.Join(os.Lchown(dir, a.UID, a.GID), os.Chmod(dir, 0o700))
}
