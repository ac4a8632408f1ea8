package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/proofline/proofline/host/account"
)

// owner is whom the plugin of a stage runs as; nil for the host's own user.
func (s *Store) owner(stage string) *account.Account {
	if s.Owner == nil {
		return nil
	}
	return s.Owner(stage)
}

// handOver lets a user into a fresh directory of an attempt: out/ and tmp/ become the
// user's, the directory itself and in/ are shown to the user's primary group and stay
// the host's, so that nothing which the host looks at by its path can be exchanged. The
// directories above let through and list nothing.
func (s *Store) handOver(dir string, owner *account.Account) error {
	for _, sub := range []string{"", "in"} {
		path := filepath.Join(dir, sub)
		if err := errors.Join(os.Chown(path, -1, owner.GID), os.Chmod(path, 0o750)); err != nil {
			return err
		}
	}
	for _, sub := range []string{"out", "tmp"} {
		if err := os.Chown(filepath.Join(dir, sub), owner.UID, owner.GID); err != nil {
			return err
		}
	}
	above := []string{s.data}
	rel, err := filepath.Rel(s.data, filepath.Dir(dir))
	if err != nil {
		return err
	}
	for i, c := range rel {
		if c == filepath.Separator {
			above = append(above, filepath.Join(s.data, rel[:i]))
		}
	}
	return account.Open(append(above, filepath.Dir(dir))...)
}

// takeBack ends the right of a plugin's user to change what lies in out/, and returns
// the number of that user. For the host's own nothing is changed.
func takeBack(root *os.Root) (maker int, err error) {
	out, err := root.OpenFile("out", os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	info, err := out.Stat()
	if err != nil {
		return 0, err
	}
	maker = int(info.Sys().(*syscall.Stat_t).Uid)
	if maker == os.Geteuid() {
		return maker, nil
	}
	return maker, errors.Join(out.Chown(os.Geteuid(), -1), out.Chmod(0o750))
}

// take makes an output the host's. One that another user than its maker owns is a link
// to what is somebody else's.
func take(f *os.File, info fs.FileInfo, maker int) error {
	switch owner := int(info.Sys().(*syscall.Stat_t).Uid); {
	case maker == os.Geteuid():
		return nil // whoever the file's owner is: a plugin of root's may have asked another user
	case owner != maker:
		return fmt.Errorf("it belongs to user %d and not to the stage's user, %d: an output is a file that the plugin has made", owner, maker)
	}
	return f.Chown(os.Geteuid(), os.Getegid())
}
