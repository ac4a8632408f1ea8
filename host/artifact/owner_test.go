package artifact

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/sdk/contract"
)

// ownerOf returns the owner and the permissions of a path.
func ownerOf(t *testing.T, path string) (uid int, mode os.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), info.Mode().Perm()
}

// TestOwner checks the permissions of the directory of an attempt by another user, and that
// the host becomes the owner of its outputs.
func TestOwner(t *testing.T) {
	if err := account.Rights(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	user := &account.Account{Name: "u", UID: 12345, GID: 12346}
	s := newStore(t)
	s.Owner = func(stage string) *account.Account {
		if stage == "prove" {
			return user
		}
		return nil
	}
	dir, a := attempt(t, s, 1, "input.bin", "in")
	accepted, err := accept(s, dir, []contract.Artifact{a})
	if err != nil {
		t.Fatal(err)
	}
	if uid, mode := ownerOf(t, filepath.Join(dir, "out", "input.bin")); uid != os.Geteuid() || mode != 0o400 {
		t.Errorf("an output of the host's own user: owner %d, %v", uid, mode)
	}
	dir, _, err = s.Attempt("1-7-aabbccdd", "prove", 1, accepted)
	if err != nil {
		t.Fatal(err)
	}
	self := os.Geteuid()
	for name, want := range map[string]struct {
		uid  int
		mode os.FileMode
	}{
		"": {self, 0o750}, "in": {self, 0o750}, "in/input.bin": {self, 0o444}, "out": {user.UID, 0o700}, "tmp": {user.UID, 0o700},
		"..": {self, 0o711}, "../..": {self, 0o711}, "../../..": {self, 0o711}, "../../../..": {self, 0o711}, "../../input/1": {self, 0o700},
	} {
		if uid, mode := ownerOf(t, filepath.Join(dir, name)); uid != want.uid || mode != want.mode {
			t.Errorf("%q: owner %d, %v, want %d, %v", name, uid, mode, want.uid, want.mode)
		}
	}

	proof := contract.Artifact{Name: "proof.bin", Path: "out/proof.bin", Size: 5, SHA256: sha256.Sum256([]byte("proof"))}
	made := filepath.Join(dir, "out", "proof.bin")
	if err := os.WriteFile(made, []byte("proof"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := accept(s, dir, []contract.Artifact{proof}); err == nil || !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("a link to a file of the host: %v", err)
	}
	if _, mode := ownerOf(t, made); mode != 0o600 {
		t.Errorf("a file that is not the plugin's was changed: %v", mode)
	}

	if dir, _, err = s.Attempt("1-7-aabbccdd", "prove", 2, accepted); err != nil {
		t.Fatal(err)
	}
	made = filepath.Join(dir, "out", "proof.bin")
	if err := os.WriteFile(made, []byte("proof"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(made, user.UID, user.GID); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time after a crash of the host
		if _, err := accept(s, dir, []contract.Artifact{proof}); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]os.FileMode{made: 0o444, filepath.Dir(made): 0o750} {
			if uid, mode := ownerOf(t, path); uid != self || mode&0o222 != want&0o222 {
				t.Errorf("%s: owner %d, %v, want the host's, %v", path, uid, mode, want)
			}
		}
	}

	event, _, err := s.Event("1-7-aabbccdd", "prove", 1, 1, accepted, nil) // a reporter of this name
	if err != nil {
		t.Fatal(err)
	}
	if uid, mode := ownerOf(t, filepath.Join(event, "in", "input.bin")); uid != self || mode != 0o444 {
		t.Errorf("a reporter's copy: owner %d, %v", uid, mode)
	}
}

// TestExchangedOutput checks that an output which is exchanged before it is opened is
// refused, and that a pipe does not block the host.
func TestExchangedOutput(t *testing.T) {
	s := newStore(t)
	dir, a := attempt(t, s, 1, "a.bin", "content")
	path := filepath.Join(dir, "out", "a.bin")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := accept(s, dir, []contract.Artifact{a}); err == nil || !strings.Contains(err.Error(), "is no plain file") {
		t.Errorf("a pipe: %v", err)
	}
}
