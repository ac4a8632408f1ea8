package launch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
)

// pluginFile writes a plugin's file and returns it as the catalog does.
func pluginFile(t *testing.T, content string) catalog.Binary {
	t.Helper()
	b := catalog.Binary{Name: "prover-x", Path: filepath.Join(t.TempDir(), "prover-x"), SHA256: sha256.Sum256([]byte(content)), Locked: true}
	if err := os.WriteFile(b.Path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestProgram: the executed file has the digest of the catalog, even if the plugin's own
// file or the copy is changed.
func TestProgram(t *testing.T) {
	run := &Run{Locks: t.TempDir(), Sockets: filepath.Join(t.TempDir(), "s")}
	b := pluginFile(t, "\x7fELF one")
	path, err := run.program(b, quiet)
	if want := filepath.Join(run.Locks, "plugins", fmt.Sprintf("%x", b.SHA256), "prover-x"); err != nil || path != want {
		t.Fatalf("%s %v, want %s", path, err, want)
	}
	holds := func() {
		t.Helper()
		got, err := run.program(b, quiet)
		content, readErr := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || readErr != nil || statErr != nil || got != path || string(content) != "\x7fELF one" || info.Mode().Perm() != 0o500 {
			t.Errorf("%s %v, %q %v, %v %v", got, err, content, readErr, info, statErr)
		}
	}
	holds()
	// The copy is changed: it is made again.
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("\x7fELF two"), 0o700); err != nil {
		t.Fatal(err)
	}
	holds()
	// The plugin is replaced: this run continues with the copy.
	if err := os.WriteFile(b.Path, []byte("\x7fELF two"), 0o755); err != nil {
		t.Fatal(err)
	}
	holds()
	// The copy is removed, too: nothing may be executed.
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	_, err = run.program(b, quiet)
	if _, changed := errors.AsType[*catalog.ChangedError](err); !changed {
		t.Errorf("the replaced plugin: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(run.Locks, "plugins", "*", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestProgramScript: a script is executed in place, beside its modules, unless it has
// changed.
func TestProgramScript(t *testing.T) {
	run := &Run{Locks: t.TempDir()}
	b := pluginFile(t, "#!/bin/sh\n")
	if path, err := run.program(b, quiet); err != nil || path != b.Path {
		t.Errorf("%s %v", path, err)
	}
	if err := os.WriteFile(b.Path, []byte("#!/bin/sh\nexit\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err := run.program(b, quiet); err == nil {
		t.Errorf("%s", path)
	}
}

// TestScriptReads: a script may execute programs anywhere, unless the pipeline file sets
// sandbox.use. It may not write anywhere else.
func TestScriptReads(t *testing.T) {
	script, binary := pluginFile(t, "#!/bin/sh\n").Path, pluginFile(t, "\x7fELF").Path
	for _, test := range []struct {
		program string
		reads   bool
		want    bool
	}{{script, true, true}, {script, false, false}, {binary, true, false}} {
		spec := Spec{Confine: &keeper.Confinement{}, ScriptReads: test.reads, StateDir: "/state"}
		c := spec.confinement(test.program, "/sockets")
		if slices.Contains(c.Read, "/") != test.want || !slices.Equal(c.Write, []string{"/state", "/sockets"}) {
			t.Errorf("%+v: %+v", test, c)
		}
	}
}

// TestPrunePrograms: copies that no stage of the run has used are removed at its end.
func TestPrunePrograms(t *testing.T) {
	run := &Run{Locks: t.TempDir(), Sockets: filepath.Join(t.TempDir(), "s")}
	old := filepath.Join(run.Locks, "plugins", "00", "prover-x")
	if err := os.MkdirAll(filepath.Dir(old), 0o700); err != nil {
		t.Fatal(err)
	}
	path, err := run.program(pluginFile(t, "\x7fELF one"), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(old)); err == nil {
		t.Error("the copy of an earlier run is left")
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// TestOutside: a denied access of a confined plugin is explained. Other errors stay
// unchanged.
func TestOutside(t *testing.T) {
	confined, networked := Spec{Confine: &keeper.Confinement{}}, Spec{Confine: &keeper.Confinement{Network: true}}
	for _, test := range []struct {
		spec Spec
		err  error
		want contract.Class
	}{
		{confined, contract.Permanent(errors.New("open /etc/shadow: permission denied")), contract.ClassEnvironment},
		{confined, errors.New("[Errno 13] Permission denied: '/root/x'"), contract.ClassEnvironment},
		{confined, errors.New("dial tcp 1.2.3.4:80: connect: network is unreachable"), contract.ClassEnvironment},
		{networked, errors.New("dial tcp 1.2.3.4:80: connect: network is unreachable"), contract.ClassRetryable},
		{confined, errors.New("the block is bad"), contract.ClassRetryable},
		{confined, contract.Interrupted(errors.New("permission denied")), contract.ClassInterrupted},
		{Spec{}, errors.New("open /etc/shadow: permission denied"), contract.ClassRetryable},
	} {
		if got := test.spec.explainDenied(test.err); contract.ClassOf(got) != test.want || !errors.Is(got, test.err) {
			t.Errorf("%v: %v (%v), want %v", test.err, got, contract.ClassOf(got), test.want)
		}
	}
	if confined.explainDenied(nil) != nil {
		t.Error("no error is explained")
	}
}
