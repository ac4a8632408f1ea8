package launch

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

// keeperUser is the user of the plugin's process as the keeper wants it.
func (s Spec) keeperUser() *keeper.User {
	if s.User == nil {
		return nil
	}
	return &keeper.User{UID: uint32(s.User.UID), GID: uint32(s.User.GID)}
}

// socketDir is where go-plugin makes the directory of the plugin's socket. For a
// plugin of another user it is not the one of the other sockets, through which nobody
// else may go.
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

// sharedSocketDir is a directory through which other users may go, in which they can
// list and make nothing: each plugin has a directory of its own in it.
func (r *Run) sharedSocketDir() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shared != "" && owned(r.shared) {
		return r.shared, nil
	}
	dir, err := os.MkdirTemp("", "proofline-")
	if err != nil {
		return "", fmt.Errorf("make a directory for sockets: %w", err)
	}
	if err := noteSockets(dir, filepath.Join(r.Locks, sharedNote)); err != nil {
		return "", err
	}
	r.shared = dir
	return dir, account.Open(dir)
}

// makeState makes the state directory of a plugin that could not do it itself, and
// lets one of another user through to it and to its program.
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
	above := filepath.Dir(s.StateDir)
	if err := os.MkdirAll(above, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	open := []string{filepath.Dir(above), above}
	if dir := filepath.Dir(program); filepath.Dir(filepath.Dir(dir)) == s.Run.Locks { // a copy
		open = append(open, s.Run.Locks, filepath.Dir(dir), dir)
		if err := os.Chmod(program, 0o555); err != nil { // it was made for the host's user alone
			return err
		}
	}
	if err := account.Open(open...); err != nil {
		return err
	}
	if err := s.User.HandOver(s.StateDir); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	if err := s.User.Enters(s.StateDir); err != nil {
		return contract.Environment(err, fmt.Sprintf("let that user go through it (chmod o+x), or put data elsewhere than %s", filepath.Dir(above)))
	}
	if err := s.User.Executes(program); err != nil {
		return contract.Environment(err, "let that user execute the plugin: put it where every user may read, or chmod a+rx the file and its folders")
	}
	return nil
}
