package keeper

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// copied returns the path of a copy of the test binary, which has the role of the keeper,
// and its digest.
func copied(t *testing.T) (path, sum string) {
	t.Helper()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), ProgramName)
	if err := os.WriteFile(path, text, 0o700); err != nil {
		t.Fatal(err)
	}
	return path, fmt.Sprintf("%x", sha256.Sum256(text))
}

// TestOwnProgramRuns: the keeper is the file that was compared, even if the name belongs to
// another file meanwhile, as after an update.
func TestOwnProgramRuns(t *testing.T) {
	file, sum := copied(t)
	p, err := openProgram(file, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer p.file.Close()
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, file); err != nil {
		t.Fatal(err)
	}
	path, err := p.path()
	if err != nil {
		t.Fatal(err)
	}
	outRead, outWrite := pipe(t)
	_, errWrite := pipe(t)
	k, err := Start(Command{
		Options: Options{Grace: long, Confine: &Confinement{Read: []string{"/"}, Network: true}},
		Keeper:  []string{path, "keeper"},
		Argv:    []string{os.Args[0], "role", "family"}, Env: os.Environ(), Stdout: outWrite, Stderr: errWrite,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Kill(); <-k.Done() })
	tree := announced(outRead)
	if link, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", k.PID())); err != nil || link != file+" (deleted)" || !isKeeper(k.PID()) {
		t.Errorf("the keeper is %s (%v), a keeper by its command line: %v", link, err, isKeeper(k.PID()))
	}
	k.Stop()
	<-k.Done()
	wantGone(t, limit, tree...)
	if e := k.Exit(); e.Code != 128+15 || !e.Started {
		t.Errorf("%+v", e)
	}
}

// TestOtherPrograms: a file that was not built with the host is not executed.
func TestOtherPrograms(t *testing.T) {
	var file, sum string
	for name, change := range map[string]func() error{
		"is absent":         func() error { return os.Remove(file) },
		"is a folder":       func() error { return os.Mkdir(file, 0o700) },
		"is of another":     func() error { _ = os.Remove(file); return os.WriteFile(file, []byte("x"), 0o700) },
		"is not executable": func() error { return os.Chmod(file, 0o600) },
	} {
		file, sum = copied(t)
		if name == "is a folder" {
			_ = os.Remove(file)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := openProgram(file, sum); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("a program that %s: %v", name, err)
		}
	}

	file, sum = copied(t)
	p, err := openProgram(file, sum)
	if err != nil {
		t.Fatal(err)
	}
	defer p.file.Close()
	before := p.stat
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{'x'}, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, time.Unix(before.Mtim.Unix()), time.Unix(before.Mtim.Unix())); err != nil {
		t.Fatal(err)
	}
	if path, err := p.path(); err == nil {
		t.Errorf("a file that was written to in its place, with its old time, runs as %s", path)
	}
}

// TestWithoutOwnProgram: an executable that was built without a keeper program is used as
// the keeper itself.
func TestWithoutOwnProgram(t *testing.T) {
	if digest != "" {
		t.Fatal("a test binary has a digest")
	}
	if got := command(); got[0] != "/proc/self/exe" || got[1] != "keeper" || OwnProgram() != nil {
		t.Errorf("%q, %v", got, OwnProgram())
	}
}
