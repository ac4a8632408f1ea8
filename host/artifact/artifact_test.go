package artifact

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	dir := t.TempDir()
	s, err := Open(filepath.Join(dir, "data"), filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// attempt makes a directory and writes an output as a plugin would.
func attempt(t *testing.T, s *Store, number uint32, name, content string) (dir string, a contract.Artifact) {
	t.Helper()
	dir, _, err := s.Attempt("1-7-aabbccdd", "input", number, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "out", name), content)
	return dir, contract.Artifact{Name: name, Path: "out/" + name, Size: int64(len(content)), SHA256: sha256.Sum256([]byte(content))}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// accept calls Store.Accept and waits until everything is durable.
func accept(s *Store, dir string, outputs []contract.Artifact) ([]contract.Artifact, error) {
	accepted, durable, err := s.Accept(dir, outputs)
	if err != nil {
		return nil, err
	}
	return accepted, durable()
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOutputOfOneStageIsInputOfTheNext(t *testing.T) {
	s := newStore(t)
	dir, a := attempt(t, s, 1, "input.bin", "guest input")
	accepted, err := accept(s, dir, []contract.Artifact{a})
	if err != nil {
		t.Fatal(err)
	}
	if want := "attempts/1-7-aabbccdd/input/1/out/input.bin"; accepted[0].Path != want {
		t.Errorf("path %q, want %q", accepted[0].Path, want)
	}
	if info, _ := os.Stat(filepath.Join(dir, "out", "input.bin")); info.Mode().Perm() != 0o400 {
		t.Errorf("mode %v, want read-only", info.Mode())
	}
	next, linked, err := s.Attempt("1-7-aabbccdd", "prove", 1, accepted)
	if err != nil {
		t.Fatal(err)
	}
	if linked[0].Path != "in/input.bin" || read(t, filepath.Join(next, "in", "input.bin")) != "guest input" {
		t.Errorf("linked as %+v", linked[0])
	}
	if err := s.Publish("7", accepted); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(s.Output(7), "input.bin")); got != "guest input" {
		t.Errorf("published %q", got)
	}
	if err := s.Release("1-7-aabbccdd"); err != nil {
		t.Fatal(err)
	}
	if jobs, _ := s.Jobs(); len(jobs) != 0 {
		t.Errorf("files of %v are left", jobs)
	}
	if got := read(t, filepath.Join(s.Output(7), "input.bin")); got != "guest input" {
		t.Error("the published file went with the attempts")
	}
}

func TestLiesOfAPluginAreFound(t *testing.T) {
	s := newStore(t)
	outside := filepath.Join(t.TempDir(), "outside")
	write(t, outside, "x")
	for name, lie := range map[string]func(dir string, a *contract.Artifact){
		"size":             func(_ string, a *contract.Artifact) { a.Size++ },
		"hash":             func(_ string, a *contract.Artifact) { a.SHA256[0] ^= 1 },
		"absent":           func(dir string, _ *contract.Artifact) { os.Remove(filepath.Join(dir, "out", "proof.bin")) },
		"path outside":     func(_ string, a *contract.Artifact) { a.Path = "../../../../outside" },
		"path of an input": func(_ string, a *contract.Artifact) { a.Path = "in/proof.bin" },
		"absolute path":    func(_ string, a *contract.Artifact) { a.Path = outside },
		"name with slash":  func(_ string, a *contract.Artifact) { a.Name, a.Path = "a/b", "out/a/b" },
		"hidden name":      func(_ string, a *contract.Artifact) { a.Name, a.Path = ".proof", "out/.proof" },
		"link": func(dir string, _ *contract.Artifact) {
			os.Remove(filepath.Join(dir, "out", "proof.bin"))
			if err := os.Symlink(outside, filepath.Join(dir, "out", "proof.bin")); err != nil {
				t.Fatal(err)
			}
		},
		"directory": func(dir string, a *contract.Artifact) {
			os.Remove(filepath.Join(dir, "out", "proof.bin"))
			if err := os.Mkdir(filepath.Join(dir, "out", "proof.bin"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		dir, a := attempt(t, s, 1, "proof.bin", "proof")
		lie(dir, &a)
		if _, err := accept(s, dir, []contract.Artifact{a}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	dir, a := attempt(t, s, 1, "proof.bin", "proof")
	if _, err := accept(s, dir, []contract.Artifact{a, a}); err == nil {
		t.Error("the same name twice: accepted")
	}
	if _, err := accept(s, t.TempDir(), nil); err == nil {
		t.Error("a directory outside: accepted")
	}
}

// TestComparedInputs checks that an input counts as compared as long as its file is the one
// that Accept has read, and not because a plugin says so.
func TestComparedInputs(t *testing.T) {
	s := newStore(t)
	dir, a := attempt(t, s, 1, "input.bin", "guest input")
	a.Compared = true
	accepted, err := accept(s, dir, []contract.Artifact{a})
	if err != nil {
		t.Fatal(err)
	}
	if accepted[0].Compared {
		t.Error("the claim of a plugin was recorded")
	}
	path := filepath.Join(dir, "out", "input.bin")
	given := func(s *Store) bool {
		t.Helper()
		_, linked, err := s.Attempt("1-7-aabbccdd", "prove", 1, accepted)
		if err != nil {
			t.Fatal(err)
		}
		return linked[0].Compared
	}
	for range 2 { // the second link changes the file's state, too
		if !given(s) {
			t.Error("a file that was just compared does not count as compared")
		}
	}
	if _, event, err := s.Event("1-7-aabbccdd", "reporter", 1, 1, accepted, nil); err != nil || event[0].Compared {
		t.Errorf("a copy counts as compared: %v", err)
	}
	again, err := Open(s.data, s.output)
	if err != nil {
		t.Fatal(err)
	}
	if given(again) {
		t.Error("another process counts a file as compared")
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, path, "guest inpuT")
	if given(s) {
		t.Error("a changed file counts as compared")
	}
	attempt(t, s, 1, "input.bin", "guest input") // the same path and content, but another file
	if given(s) {
		t.Error("an exchanged file counts as compared")
	}
	if err := s.Release("1-7-aabbccdd"); err != nil || len(s.compared.files) != 0 {
		t.Errorf("%d jobs are remembered after their release: %v", len(s.compared.files), err)
	}
}

func TestMissingInputIsNamed(t *testing.T) {
	s := newStore(t)
	_, _, err := s.Attempt("j", "prove", 1, []contract.Artifact{{Name: "input.bin", Path: "attempts/j/input/1/out/input.bin"}})
	missing, ok := errors.AsType[*LostError](err)
	if !ok || missing.Artifact.Name != "input.bin" || !strings.Contains(err.Error(), missing.Path) {
		t.Errorf("%v", err)
	}
}

// TestChangedInputIsNamed checks that an input of another size is found before an attempt,
// and any other change by Intact.
func TestChangedInputIsNamed(t *testing.T) {
	s := newStore(t)
	dir, a := attempt(t, s, 1, "input.bin", "guest input")
	accepted, err := accept(s, dir, []contract.Artifact{a})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "out", "input.bin")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	try := func() error {
		dir, linked, err := s.Attempt("1-7-aabbccdd", "prove", 1, accepted)
		if err != nil {
			return err
		}
		return s.Intact(dir, linked)
	}
	if err := try(); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"guest ", "guest inpuT", "guest input, and more"} {
		write(t, path, content)
		if lost, ok := errors.AsType[*LostError](try()); !ok || !lost.Changed || lost.Artifact.Name != "input.bin" {
			t.Errorf("%q: %v", content, lost)
		}
	}
	dir, linked, err := s.Attempt("1-7-aabbccdd", "prove", 2, nil)
	if err != nil || s.Intact(dir, []contract.Artifact{{Name: "x", Path: "in/x"}}) != nil {
		t.Errorf("a removed input: %v %v", linked, err)
	}
}

func TestNamesStayInside(t *testing.T) {
	s := newStore(t)
	for _, bad := range []string{"../x", "/etc", "a/../../x"} {
		if _, _, err := s.Attempt(bad, "../../..", 1, nil); err == nil {
			t.Errorf("job %q: a directory was made", bad)
		}
		if err := s.Release(bad); err == nil {
			t.Errorf("job %q: released", bad)
		}
	}
	for _, dir := range []string{s.data, filepath.Join(s.data, "attempts"), t.TempDir()} {
		if err := s.Discard(dir); err == nil {
			t.Errorf("%s: discarded", dir)
		}
	}
}

func TestFreshDirectoryForEveryAttempt(t *testing.T) {
	s := newStore(t)
	dir, _ := attempt(t, s, 1, "proof.bin", "stale")
	again, _, err := s.Attempt("1-7-aabbccdd", "input", 1, nil)
	if err != nil || again != dir {
		t.Fatal(again, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "out", "proof.bin")); err == nil {
		t.Error("a stale proof is still there")
	}
}

func TestTrimKeepsTheWinner(t *testing.T) {
	s := newStore(t)
	first, _ := attempt(t, s, 1, "a", "a")
	second, _ := attempt(t, s, 2, "b", "b")
	write(t, filepath.Join(second, "tmp", "scratch"), "s")
	if err := s.Trim("1-7-aabbccdd", "input", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first); err == nil {
		t.Error("the attempt that lost is kept")
	}
	if _, err := os.Stat(filepath.Join(second, "tmp")); err == nil {
		t.Error("scratch files are kept")
	}
	if read(t, filepath.Join(second, "out", "b")) != "b" {
		t.Error("the output of the winner is gone")
	}
}

func TestOrphansOutputIsSetAside(t *testing.T) {
	s := newStore(t)
	dir, a := attempt(t, s, 1, "proof.bin", "old")
	accepted, err := accept(s, dir, []contract.Artifact{a})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish("7", accepted); err != nil {
		t.Fatal(err)
	}
	orphan := contract.Block{Number: 7, Hash: contract.Hash{0xaa, 0xbb, 0xcc, 0xdd}}
	for range 2 { // the second time there is nothing to rename
		if err := s.SetAside("7", "7-"+orphan.Hash.Short()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(s.Output(7)); err == nil {
		t.Error("the number still shows the orphan's files")
	}
	if got := read(t, filepath.Join(s.Output(7)+"-aabbccdd", "proof.bin")); got != "old" {
		t.Errorf("set aside: %q", got)
	}
}

func TestImportAndEventDirectories(t *testing.T) {
	s := newStore(t)
	from := filepath.Join(t.TempDir(), "mine.bin")
	write(t, from, "input")
	a, err := s.Import("1-7-aabbccdd", "input", contract.ArtifactInput, from)
	if err != nil || a.Size != 5 || a.Name != contract.ArtifactInput {
		t.Fatalf("%+v, %v", a, err)
	}
	cut := a
	cut.Name, cut.Size = "cut.bin", 4
	gone := contract.Artifact{Name: "witness.json", Path: "attempts/1-7-aabbccdd/source/1/out/witness.json", Size: 1}
	again := a
	again.Name = "again.bin"
	// What is gone, or is not what was accepted, is left out where it is not an input.
	dir, linked, err := s.Event("", "slack", 3, 1, []contract.Artifact{a}, []contract.Artifact{gone, cut, again})
	if err == nil && len(linked) == 2 && linked[1].Path == "in/again.bin" {
		linked = linked[:1]
	}
	if err != nil || len(linked) != 1 || read(t, filepath.Join(dir, "in", contract.ArtifactInput)) != "input" {
		t.Fatalf("%s %+v %v", dir, linked, err)
	}
	// What a reporter does to its copy does not reach the accepted file.
	given := filepath.Join(dir, "in", contract.ArtifactInput)
	if err := errors.Join(os.Chmod(given, 0o600), os.WriteFile(given, []byte("other"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(s.data, filepath.FromSlash(a.Path))); got != "input" {
		t.Errorf("a reporter has rewritten an accepted artifact: %q", got)
	}
	if err := s.Discard(dir); err != nil {
		t.Fatal(err)
	}
}

// TestAcceptedHash: the hash is that of the file, whether the plugin states one or leaves it
// to the host. One that the plugin states must be the right one.
func TestAcceptedHash(t *testing.T) {
	s := newStore(t)
	for i, stated := range []contract.Digest{sha256.Sum256([]byte("guest input")), {}, {1}} {
		dir, a := attempt(t, s, uint32(i+1), "input.bin", "guest input")
		want := a.SHA256
		a.SHA256 = stated
		accepted, err := accept(s, dir, []contract.Artifact{a})
		if stated == (contract.Digest{1}) {
			if err == nil || !strings.Contains(err.Error(), "the plugin stated") {
				t.Errorf("a wrong hash: %v, %v", accepted, err)
			}
			continue
		}
		if err != nil || accepted[0].SHA256 != want {
			t.Errorf("stated %x: %v, %v", stated, accepted, err)
		}
	}
}

// TestAcceptedIsDurable checks that an output counts as durable only when its content and
// every directory on its path are synced without an error.
func TestAcceptedIsDurable(t *testing.T) {
	t.Cleanup(func() { syncFile = (*os.File).Sync })
	want := []string{"attempts", "attempts/1-7-aabbccdd", "attempts/1-7-aabbccdd/input", "attempts/1-7-aabbccdd/input/1",
		"attempts/1-7-aabbccdd/input/1/out", "attempts/1-7-aabbccdd/input/1/out/input.bin"}
	for _, refused := range append(want, "none") {
		s := newStore(t)
		dir, a := attempt(t, s, 1, "input.bin", "guest input")
		var mu sync.Mutex
		var synced []string
		syncFile = func(f *os.File) error {
			mu.Lock()
			defer mu.Unlock()
			path := f.Name()
			if filepath.IsAbs(path) {
				path, _ = filepath.Rel(s.data, path)
			}
			synced = append(synced, path)
			if path == refused {
				return errors.New("the disk refuses")
			}
			return nil
		}
		_, durable, err := s.Accept(dir, []contract.Artifact{a})
		if err != nil {
			t.Fatal(err)
		}
		if err := durable(); (err != nil) != (refused != "none") {
			t.Errorf("%s refused: error %v", refused, err)
		}
		if slices.Sort(synced); !slices.Equal(synced, want) {
			t.Errorf("synced %q, want %q", synced, want)
		}
	}
}
