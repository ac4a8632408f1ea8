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

// UnreachableError is the error for a path that a user may not reach.
type UnreachableError struct {
	User string
	At   string // the first path, from the root on, that the user may not enter or execute
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("user %s may not go through %s", e.User, e.At)
}

// Enters returns an UnreachableError unless the user may go through every folder of an
// absolute path, including the last. Folders that do not exist yet are ignored. The
// kernel decides, so that access control lists count, too.
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
		return nil // starting the file reports any other error
	})
}

// walk enters the folders of a path one after the other. It is called on a thread of as.
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

// as calls f on a thread that has the file permissions of the user (setfsuid(2)). When
// this process may not take them, f runs with the permissions of its own user.
func (a *Account) as(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // it is never unlocked, so that the thread ends with the goroutine
		// The functions of package syscall would change every thread of the process.
		_, _, _ = syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
		_ = unix.Setfsgid(a.GID)
		_ = unix.Setfsuid(a.UID)
		// Setfsuid drops the capabilities that bypass permissions for root; this call drops
		// them for any other user.
		_ = unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &make([]unix.CapUserData, 2)[0])
		result <- f()
	}()
	return <-result
}

// Open allows other users to pass through folders, but not to list them. Folders that
// they may already pass through are left unchanged.
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

// HandOver makes the user the owner of a folder, which is created when it does not
// exist, and closes it to all other users. Inside the folder the files of its former
// owner are handed over, too, and no others. Links are not followed.
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
