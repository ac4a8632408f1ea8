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

// owner returns the user that the plugin of a stage runs as; nil for the user of the
// host.
func (s *Store) owner(stage string) *account.Account {
	if s.Owner == nil {
		return nil
	}
	return s.Owner(stage)
}

// handOver gives a user access to a fresh directory of an attempt. The user becomes the
// owner of out/ and tmp/. The directory itself and in/ stay the host's and can be read by
// the primary group of the user, so that the user cannot exchange anything that the host
// opens by its path. The user may pass through the directories above but not list them.
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

// reclaimOut makes the host the owner of out/, so that the user of the plugin can no
// longer change what lies in it. It returns the id of the former owner. It changes nothing
// when the host is the owner.
func reclaimOut(root *os.Root) (maker int, err error) {
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

// reclaimFile makes the host the owner of an output. An output that belongs neither to
// the host nor to the maker is refused, because it is a link to a file of another user.
func reclaimFile(f *os.File, info fs.FileInfo, maker int) error {
	switch owner := int(info.Sys().(*syscall.Stat_t).Uid); {
	case maker == os.Geteuid():
		return nil // any owner is accepted: a plugin of root may have made the file as another user
	case owner != maker:
		return fmt.Errorf("it belongs to user %d and not to the stage's user, %d: an output is a file that the plugin has made", owner, maker)
	}
	return f.Chown(os.Geteuid(), os.Getegid())
}
