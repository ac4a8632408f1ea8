package launch

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

// keeperUser returns the user of the plugin's process for the keeper; nil for the host's
// own user.
func (s Spec) keeperUser() *keeper.User {
	if s.User == nil {
		return nil
	}
	return &keeper.User{UID: uint32(s.User.UID), GID: uint32(s.User.GID)}
}

// socketDir returns the directory in which go-plugin makes the directory of the
// plugin's socket. A plugin of another user cannot use that of the other sockets, which
// is closed to all other users.
func (s Spec) socketDir() (string, error) {
	if s.User == nil {
		return s.Run.SocketDir()
	}
	dir, err := s.Run.sharedSocketDir()
	if err != nil {
		return "", err
	}
	if err := s.User.Enters(dir); err != nil {
		return "", contract.Environment(fmt.Errorf("directory for sockets: %w", err), "set TMPDIR of proofline to a folder that every user may go through")
	}
	return dir, nil
}

// sharedSocketDir returns a directory that other users may pass through, but neither
// list nor change. Each plugin of another user has a directory of its own in it.
func (r *Run) sharedSocketDir() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shared != "" && isOwned(r.shared) {
		return r.shared, nil
	}
	dir, err := os.MkdirTemp("", "proofline-")
	if err != nil {
		return "", fmt.Errorf("make a directory for sockets: %w", err)
	}
	if err := recordSockets(dir, filepath.Join(r.Locks, sharedSocketsFile)); err != nil {
		return "", err
	}
	r.shared = dir
	return dir, account.Open(dir)
}

// makeState makes the state directory of a plugin that is confined or runs as another
// user, which cannot make the directory itself. It makes sure that another user can
// reach the directory and execute the program.
func (s Spec) makeState(program string) error {
	if s.User == nil {
		if s.Confine == nil {
			return nil
		}
		if err := os.MkdirAll(s.StateDir, 0o700); err != nil {
			return fmt.Errorf("make the state directory: %w", err)
		}
		return nil
	}
	if err := account.Rights(); err != nil {
		return contract.Environment(err, "run proofline as root or with these capabilities, or take user out of the stage's sandbox")
	}
	parent := filepath.Dir(s.StateDir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	passable := []string{filepath.Dir(parent), parent}
	if dir := filepath.Dir(program); filepath.Dir(filepath.Dir(dir)) == s.Run.Locks { // a copy
		passable = append(passable, s.Run.Locks, filepath.Dir(dir), dir)
		if err := os.Chmod(program, 0o555); err != nil { // the copy was executable for the host's user only
			return err
		}
	}
	if err := account.Open(passable...); err != nil {
		return err
	}
	if err := s.User.HandOver(s.StateDir); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	if err := s.User.Enters(s.StateDir); err != nil {
		return contract.Environment(err, fmt.Sprintf("let that user go through it (chmod o+x), or put data elsewhere than %s", filepath.Dir(parent)))
	}
	if err := s.User.Executes(program); err != nil {
		return contract.Environment(err, "let that user execute the plugin: put it where every user may read, or chmod a+rx the file and its folders")
	}
	return nil
}
