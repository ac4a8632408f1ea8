package sdk_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk"
)

// tool runs the prover by hand in a directory.
func tool(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return toolOf(t, "prover", dir, args...)
}

func toolOf(t *testing.T, plugin, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = []string{asTool + "=" + plugin, "TMPDIR=" + dir, "GORACE=atexit_sleep_ms=0"}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const block5 = `"block":{"chain_id":1,"number":5,"hash":"0x0100000000000000000000000000000000000000000000000000000000000000"}`

func TestTool(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "good.yaml", "key: good\ntoken: hunter2hunter2\n")
	write(t, dir, "bad.yaml", "behaviour: copi\ntoken: hunter2hunter2\n")
	write(t, dir, "forbidden.json", `{"key":"bad"}`)
	write(t, dir, "broken.yaml", "key: [")
	write(t, dir, "pipeline.yaml", "version: 1\nstages: [{name: a}]\n")
	write(t, dir, "guest.bin", "abc")
	write(t, dir, "task.json", `{`+block5+`,"inputs":[{"name":"input.bin","path":"guest.bin"}]}`)
	write(t, dir, "fail.json", `{"config":{"key":"k","behaviour":"fail","token":"hunter2hunter2"},`+block5+`}`)
	write(t, dir, "empty.json", `{}`)

	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"nothing", nil, 2, "", "COMMANDS:"},
		{"help", []string{"--help"}, 0, "COMMANDS:", ""},
		{"version", []string{"--version"}, 0, "1.2.3", ""},
		{"unknown command", []string{"prov"}, 2, "", `no command "prov"`},
		{"unknown flag", []string{"validate", "--fiel", "x"}, 2, "", "prover-test validate --help"},
		{"missing flag", []string{"validate"}, 2, "", "--config FILE is missing"},
		{"no file", []string{"validate", "-f", "none.yaml"}, 2, "", "none.yaml"},
		{"no yaml", []string{"validate", "-f", "broken.yaml"}, 2, "", "broken.yaml"},
		{"a pipeline", []string{"validate", "-f", "pipeline.yaml"}, 2, "", `use "proofline validate pipeline.yaml"`},
		{"good", []string{"validate", "-f", "good.yaml"}, 0, "", ""},
		{"bad", []string{"validate", "-f", "bad.yaml"}, 1, `did you mean "copy"?`, ""},
		{"forbidden", []string{"validate", "-f", "forbidden.json"}, 1, "error: config/key: the key is bad", ""},
		{"findings as json", []string{"validate", "--json", "-f", "forbidden.json"}, 1, `"pointer": "/key"`, ""},
		{"check", []string{"check", "-f", "good.yaml"}, 0, "warning: checked with [redacted] (none)", ""},
		{"run", []string{"run", "--task", "task.json", "-f", "good.yaml", "--dir", "work"}, 0, `"size": 3`, `msg="a test"`},
		{"run twice", []string{"run", "--task", "task.json", "-f", "good.yaml", "--dir", "work"}, 2, "", "prepare the attempt"},
		{"run in a new directory", []string{"run", "--task", "task.json", "-f", "good.yaml"}, 0, `"role": "proof"`, "level=INFO"},
		{"failure", []string{"run", "--task", "fail.json"}, 1, "", "environment: no gpu for [redacted] (plug one in)"},
		{"nothing to verify", []string{"run", "--verify", "--task", "task.json", "-f", "good.yaml"}, 1, "", `permanent: there is no input "proof.bin"`},
		{"empty task", []string{"run", "--task", "empty.json"}, 2, "", "there is no block"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := tool(t, dir, test.args...)
			if code != test.code || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit code %d, want %d\nstdout: %s\nwant: %s\nstderr: %s\nwant: %s",
					code, test.code, stdout, test.stdout, stderr, test.stderr)
			}
			if strings.Contains(stdout+stderr, "hunter2") {
				t.Errorf("the secret is printed:\n%s%s", stdout, stderr)
			}
		})
	}
	if data, err := os.ReadFile(filepath.Join(dir, "work", "attempt-1", "out", "proof.bin")); err != nil || string(data) != "ABC" {
		t.Errorf("proof %q, %v", data, err)
	}
}

func TestToolDescribe(t *testing.T) {
	stdout, _, _ := tool(t, t.TempDir(), "describe")
	var m sdk.Manifest
	if err := json.Unmarshal([]byte(stdout), &m); err != nil {
		t.Fatal(err)
	}
	if m.Name != "prover-test" || m.Version != "1.2.3" || m.Kind != "prover" || len(m.Capabilities) != 1 {
		t.Errorf("manifest %+v", m)
	}
	schema, _, _ := tool(t, t.TempDir(), "schema")
	if !json.Valid([]byte(schema)) {
		t.Errorf("schema %s", schema)
	}
}

func TestToolRunsASource(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "task.json", `{"block":{"number":5}}`)
	write(t, dir, "far.json", `{"block":{"number":50}}`)
	stdout, stderr, code := toolOf(t, "source", dir, "run", "--task", "task.json", "--dir", "work")
	if code != 0 || !strings.Contains(stdout, `"name": "block.json"`) {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	data, err := os.ReadFile(filepath.Join(dir, "work", "attempt-1", "out", "block.json"))
	if err != nil || !strings.Contains(string(data), "0x06") {
		t.Errorf("%s, %v", data, err)
	}
	if _, stderr, code := toolOf(t, "source", dir, "run", "--task", "far.json"); code != 1 ||
		!strings.Contains(stderr, "permanent: resolve block 50: it is beyond the head") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestToolRunsAReporter(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "proof", "abc")
	write(t, dir, "task.json", `{"event":"proved",`+block5+`,"inputs":[{"name":"proof.bin","path":"proof","role":"proof"}]}`)
	write(t, dir, "alert.json", `{"event":"node_down"}`)
	stdout, stderr, code := toolOf(t, "reporter", dir, "run", "--task", "task.json", "--dir", "work")
	if code != 0 || !strings.Contains(stdout, `"sent": "yes"`) || !strings.Contains(stderr, "published") || !strings.Contains(stderr, "done=50%") {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	data, err := os.ReadFile(filepath.Join(dir, "work", "attempt-1", "out", "body.json"))
	if err != nil || string(data) != "proved of 3 bytes" {
		t.Errorf("%s, %v", data, err)
	}
	if _, stderr, code := toolOf(t, "reporter", dir, "run", "--task", "alert.json"); code != 1 ||
		!strings.Contains(stderr, "permanent: no proof for node_down") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	write(t, dir, "block.json", `{`+block5+`}`)
	if _, stderr, code := toolOf(t, "reporter", dir, "run", "--task", "block.json"); code != 2 || !strings.Contains(stderr, "no event to report") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if stdout, _, code := toolOf(t, "reporter", dir, "greet"); code != 0 || stdout != "hello\n" {
		t.Errorf("own command: exit code %d, %q", code, stdout)
	}
}

// Ctrl-C cancels the task as the host would.
func TestToolInterrupted(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "task.json", `{"config":{"key":"k","behaviour":"wait"},`+block5+`}`)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "--task", "task.json", "--dir", "work")
	cmd.Dir, cmd.Env = dir, []string{asTool + "=prover", "GORACE=atexit_sleep_ms=0"}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "WAITING") {
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var last string
	for lines.Scan() {
		last = lines.Text()
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(last, "interrupted: context canceled") {
		t.Errorf("exit code %d: %s", code, last)
	}
	if _, err := os.Stat(filepath.Join(dir, "work", "state", "closed")); err != nil {
		t.Errorf("Close was not called: %v", err)
	}
}
