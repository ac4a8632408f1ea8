package account

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// another returns a user other than root that every Linux machine has. It skips the test
// when this process may not become that user.
func another(t *testing.T) *Account {
	t.Helper()
	if err := Rights(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	a, err := Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	return a
}

func TestLookup(t *testing.T) {
	for _, test := range []struct {
		name, want string // of the error
	}{
		{"root", "root, who has access to everything"},
		{"0", "root, who has access to everything"},
		{"0:5", "root, who has access to everything"},
		{"no-such-user", `has no user "no-such-user" in /etc/passwd`},
		{"3999999999", "so that its group is not known"},
		{"4294967295:1", "is no UID:GID"},
		{"1:", "is no UID:GID"},
		{"nobody:nogroup", "is no UID:GID"},
		{"-1:1", "is no UID:GID"},
	} {
		if a, err := Lookup(test.name); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %+v, %v, want %q", test.name, a, err, test.want)
		}
	}
	if a, err := Lookup("3999999999:7"); err != nil || a.UID != 3999999999 || a.GID != 7 || a.Home != "/" {
		t.Errorf("%+v, %v", a, err)
	}
	byName, err := Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	byNumber, err := Lookup("65534")
	if err != nil || *byNumber != *byName {
		t.Errorf("%+v, %v, want %+v", byNumber, err, byName)
	}
}

// folder makes a folder in /tmp that other users may pass through.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := Open(filepath.Dir(dir), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReach(t *testing.T) {
	a, dir := another(t), folder(t)
	closed := filepath.Join(dir, "closed")
	if err := os.MkdirAll(filepath.Join(closed, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	program, private := filepath.Join(dir, "program"), filepath.Join(dir, "private")
	for file, mode := range map[string]os.FileMode{program: 0o755, private: 0o700, filepath.Join(closed, "program"): 0o755} {
		if err := os.WriteFile(file, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		got  error
		want string
	}{
		{a.Enters(dir), ""},
		{a.Enters(filepath.Join(dir, "absent", "too")), ""},
		{a.Enters(filepath.Join(closed, "in")), "user nobody may not go through " + closed},
		{a.Executes(program), ""},
		{a.Executes(private), "user nobody may not go through " + private},
		{a.Executes(filepath.Join(closed, "program")), "user nobody may not go through " + closed},
	} {
		if test.want == "" && test.got == nil {
			continue
		}
		if _, ok := errors.AsType[*UnreachableError](test.got); !ok || test.got.Error() != test.want {
			t.Errorf("%v, want %q", test.got, test.want)
		}
	}
	if _, err := os.Stat(filepath.Join(closed, "in")); err != nil {
		t.Errorf("the test's own rights are gone: %v", err)
	}
	if err := Open(closed); err != nil {
		t.Fatal(err)
	}
	if err := a.Enters(closed); err != nil {
		t.Errorf("opened: %v", err)
	}
}

// TestHandOver checks that a folder and the files of its former owner in it are handed over,
// and no other files.
func TestHandOver(t *testing.T) {
	a, dir := another(t), filepath.Join(folder(t), "state")
	owner := func(name string) int {
		t.Helper()
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return int(info.Sys().(*syscall.Stat_t).Uid)
	}
	if err := a.HandOver(dir); err != nil || owner("") != a.UID {
		t.Fatalf("%v, owner %d", err, owner(""))
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.MkdirAll(filepath.Join(dir, "sub"), 0o700), os.WriteFile(filepath.Join(dir, "sub", "own"), nil, 0o600),
		os.Chown(filepath.Join(dir, "sub"), a.UID, a.GID), os.Chown(filepath.Join(dir, "sub", "own"), a.UID, a.GID),
		os.WriteFile(filepath.Join(dir, "foreign"), nil, 0o600),
		os.Symlink(outside, filepath.Join(dir, "link")), os.Lchown(filepath.Join(dir, "link"), a.UID, a.GID),
	); err != nil {
		t.Fatal(err)
	}
	next := &Account{Name: "next", UID: 12345, GID: 12345}
	if err := next.HandOver(dir); err != nil {
		t.Fatal(err)
	}
	if owner("") != next.UID || owner("sub/own") != next.UID || owner("link") != next.UID {
		t.Errorf("not handed over: %d %d %d", owner(""), owner("sub/own"), owner("link"))
	}
	info, err := os.Stat(outside)
	if err != nil || owner("foreign") != os.Geteuid() || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		t.Errorf("what was another's changed hands: %v", err)
	}
}
