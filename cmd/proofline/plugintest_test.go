package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildPlugin builds one of the repository's plugins.
func buildPlugin(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, module+"/plugins/"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return path
}

// TestPluginsTest: the suite runs against a binary and prints for each check what was
// required and seen.
func TestPluginsTest(t *testing.T) {
	binary := buildPlugin(t, "reporter-exec")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("config.yaml", []byte("command: [test, -s, \"{file}\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := execute(t, "plugins", "test", binary, "-c", "config.yaml", "--skip", "kill/no-halves")
	if code != 0 || stderr != "" {
		t.Errorf("%d %s\n%s", code, stderr, stdout)
	}
	for _, want := range []string{
		"ok    describe/stable       must describe itself in the same way at every call and every start\n",
		"skip  cancel/returns        must return from a cancelled call within the grace period; seen: the suite has no configuration with which work is slow\n",
		"skip  kill/no-halves ", " checks: ", " passed, 0 failed, ",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}

	// A wrong configuration is refused.
	if err := os.WriteFile("wrong.yaml", []byte("command: [\"true\"]\nfiel: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = execute(t, "plugins", "test", binary, "-c", "wrong.yaml", "--json")
	var outcomes []checkOutcome
	if err := json.Unmarshal([]byte(stdout), &outcomes); err != nil || code != exitRuntime || !strings.Contains(stderr, "does not conform") {
		t.Errorf("%d %v %s", code, err, stderr)
	}
	for _, o := range outcomes {
		if o.Check == "config/accepted" && (o.Outcome != "failed" || !strings.Contains(o.Seen, `unknown field "fiel"`)) {
			t.Errorf("%+v", o)
		}
	}
}

func TestPluginsTestArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"pipeline.yaml": "version: 1\nstages: [{name: a}]\n", "broken.yaml": "a: [", "binary": ""} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ line, want string }{
		{"", "name the plugin's executable file"},
		{"./none", "./none is no file of a plugin: build it first"},
		{"prover-none", `prover-none`},
		{"binary -c none.yaml", "none.yaml"},
		{"binary -c pipeline.yaml", "give the config block of one stage"},
		{"binary --slow broken.yaml", "broken.yaml"},
		{"binary --input input.bin", "--input input.bin"},
	} {
		code, stdout, stderr := execute(t, append([]string{"plugins", "test"}, strings.Fields(test.line)...)...)
		if code == 0 || stdout != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: %d %q %q, want %q", test.line, code, stdout, stderr, test.want)
		}
	}
}
