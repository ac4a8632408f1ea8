package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script writes an executable that records each run in the file runs beside it and then
// executes the body.
func script(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	text := fmt.Sprintf("#!/bin/sh\necho \"$*\" >> %q\n%s\n", filepath.Join(dir, "runs"), body)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const proverManifest = `{"name":"prover-x","version":"1.2.3","kind":"prover","summary":"Proves <x> & more.","config_schema":{"type":"object"},"capabilities":["prover.verify"]}`

func prover(t *testing.T, dir string) string {
	return script(t, dir, "prover-x", "[ \"$1\" = describe ] && echo '"+proverManifest+"'")
}

func runs(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "runs"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func TestFindAsksAnUnlockedPluginOnce(t *testing.T) {
	dir := t.TempDir()
	path := prover(t, dir)
	c := Open([]string{dir})
	for range 2 {
		b, err := c.Find("prover-x")
		if err != nil {
			t.Fatal(err)
		}
		want := contract.Manifest{Name: "prover-x", Version: "1.2.3", Kind: contract.KindProver, Summary: "Proves <x> & more.",
			Protocol: 1, Schema: []byte(`{"type":"object"}`), Capabilities: []string{contract.CapabilityVerify}}
		if diff := cmp.Diff(want, b.Manifest); diff != "" {
			t.Error(diff)
		}
		if b.Path != path || b.Locked || b.SHA256 == [32]byte{} {
			t.Errorf("%+v", b)
		}
	}
	if n := runs(t, dir); n != 1 {
		t.Errorf("the plugin ran %d times", n)
	}
}

func TestFindSearchesInOrder(t *testing.T) {
	first, second, third := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv(EnvPath, second+string(os.PathListSeparator)+third)
	prover(t, third)
	c := Open([]string{filepath.Join(first, "missing"), first})
	if b, err := c.Find("prover-x"); err != nil || filepath.Dir(b.Path) != third {
		t.Fatalf("%+v %v", b, err)
	}
	prover(t, second)
	if b, err := Open([]string{first}).Find("prover-x"); err != nil || filepath.Dir(b.Path) != second {
		t.Fatalf("%+v %v", b, err)
	}
}

func TestFindErrors(t *testing.T) {
	dir := t.TempDir()
	prover(t, dir)
	script(t, dir, "prover-fails", "echo 'no libcuda.so' >&2; exit 3")
	script(t, dir, "prover-chatty", "yes | head -c 5000000")
	script(t, dir, "prover-mute", "")
	script(t, dir, "prover-liar", "echo '"+proverManifest+"'")
	if err := os.WriteFile(filepath.Join(dir, "prover-plain"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"prover-xx":     `plugin "prover-xx" not found (did you mean "prover-x"?): searched ` + dir,
		"prover-fails":  "exit status 3: no libcuda.so",
		"prover-chatty": "prints more than",
		"prover-mute":   "prints no manifest",
		"prover-liar":   `calls itself "prover-x"`,
		"prover-plain":  "chmod +x " + filepath.Join(dir, "prover-plain"),
		"../prover-x":   "is no plugin name",
		"":              "is no plugin name",
	} {
		if _, err := Open([]string{dir}).Find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	_, err := Open([]string{dir}).Find("reporter-unheard-of")
	if missing, ok := errors.AsType[*NotFoundError](err); !ok || missing.Nearest != "" {
		t.Errorf("%v", err)
	}
}

func TestDescribeSeesNoSecrets(t *testing.T) {
	t.Setenv("ETHPROOFS_API_KEY", "hunter2")
	dir := t.TempDir()
	script(t, dir, "prover-x", "env >&2; exit 1")
	script(t, dir, "prover-y", `env > "$0.env"; exit 1`)
	_, _ = Open([]string{dir}).Find("prover-y")
	seen, err := os.ReadFile(filepath.Join(dir, "prover-y.env"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(seen), "hunter2") || !strings.Contains(string(seen), "PATH="+os.Getenv("PATH")) {
		t.Errorf("environment of describe:\n%s", seen)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	path := prover(t, dir)
	script(t, dir, "builder-y", `echo '{"name":"builder-y","version":"1.0.0","kind":"builder","summary":"s","config_schema":{"a":[1,2]}}'`)
	asked, err := Open([]string{dir}).Find("builder-y")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := Lock(dir)
	if err != nil || len(locked) != 2 || locked[0].Name != "builder-y" {
		t.Fatalf("%+v %v", locked, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, LockName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(dir, LockName))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(again)); diff != "" {
		t.Error("the same plugins give another lock: ", diff)
	}

	// From now on nothing is executed.
	before := runs(t, dir)
	b, err := Open([]string{dir}).Find("builder-y")
	if err != nil || !b.Locked {
		t.Fatalf("%+v %v", b, err)
	}
	if diff := cmp.Diff(asked.Manifest, b.Manifest); diff != "" {
		t.Error("the lock tells another manifest than the plugin: ", diff)
	}
	if list := Open([]string{dir}).List(); len(list) != 2 || list[0].Err != nil || list[1].Name != "prover-x" {
		t.Errorf("%+v", list)
	}

	// A changed binary is refused before it runs.
	c := Open([]string{dir})
	found, err := c.Find("prover-x")
	if err != nil {
		t.Fatal(err)
	}
	if err := found.Verify(); err != nil {
		t.Error(err)
	}
	script(t, dir, "prover-x", "echo evil")
	if err := found.Verify(); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Error(err)
	}
	_, err = Open([]string{dir}).Find("prover-x")
	if err == nil || !strings.Contains(err.Error(), "proofline plugins lock "+dir) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
	if n := runs(t, dir); n != before {
		t.Errorf("plugins ran %d times after the lock", n-before)
	}
	// Nothing is written when one plugin cannot be described.
	if _, err := Lock(dir); err == nil {
		t.Error("a binary that prints no manifest was locked")
	}
	kept, _ := os.ReadFile(filepath.Join(dir, LockName))
	if string(kept) != string(text) {
		t.Error("a failed lock changed the file")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".plugins.lock-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := Lock(t.TempDir()); err == nil {
		t.Error("an empty directory was locked")
	}
}

func TestBadLock(t *testing.T) {
	dir := t.TempDir()
	prover(t, dir)
	entry := `{"name":"prover-x","kind":"prover","version":"1","protocol":%d,"sha256":"%064x","config_schema":{}}`
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":       {"{", "plugins lock " + dir},
		"other version": {`{"version":2}`, "lock file version 2"},
		"twice": {fmt.Sprintf(`{"version":1,"plugins":[`+entry+`,`+entry+`]}`, 1, 1, 1, 1),
			"named twice"},
		"no hash":  {`{"version":1,"plugins":[{"name":"prover-x","kind":"prover","version":"1","sha256":"ab","config_schema":{}}]}`, "no sha256"},
		"a path":   {`{"version":1,"plugins":[{"name":"../x"}]}`, "no plugin name"},
		"bad kind": {fmt.Sprintf(`{"version":1,"plugins":[{"name":"p","kind":"cook","version":"1","sha256":"%064x"}]}`, 1), "unknown kind"},
	} {
		if err := os.WriteFile(filepath.Join(dir, LockName), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open([]string{dir}).Find("prover-x"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	_, sum, err := files.Digest(filepath.Join(dir, "prover-x"))
	if err != nil {
		t.Fatal(err)
	}
	future := fmt.Sprintf(`{"version":1,"plugins":[{"name":"prover-x","kind":"prover","version":"1","protocol":9,"sha256":"%x","config_schema":{}}]}`, sum)
	if err := os.WriteFile(filepath.Join(dir, LockName), []byte(future), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open([]string{dir}).Find("prover-x"); err == nil || !strings.Contains(err.Error(), "speaks protocol 9") {
		t.Errorf("%v", err)
	}
	if n := runs(t, dir); n != 0 {
		t.Errorf("the plugin ran %d times under a bad lock", n)
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(`{"version":1,"plugins":[]}`))
	f.Add(fmt.Appendf(nil, `{"version":1,"plugins":[{"name":"p","kind":"prover","version":"1","protocol":1,"sha256":"%064x","config_schema":{"a": 1}}]}`, 1))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := parseLock(text)
		if err != nil {
			return
		}
		for name, entry := range entries {
			if name != entry.Name || checkManifest(name, entry.manifest()) != nil || len(entry.Schema) == 0 {
				t.Errorf("accepted %+v", entry)
			}
		}
	})
}
