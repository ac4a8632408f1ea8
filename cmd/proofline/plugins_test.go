package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/catalog"
)

// script installs a plugin with the commands describe and check, which stores its standard
// input.
func script(t *testing.T, dir, name, kind, schema, findings string) {
	t.Helper()
	text := fmt.Sprintf(`#!/bin/sh
case "$1" in
describe) echo '{"name":"%s","version":"0.1.0","kind":"%s","summary":"a test","config_schema":%s}' ;;
check) cat > "%s.stdin"; echo "$*" > "%[4]s.args"; %s ;;
validate) cat "%[4]s.says" 2>/dev/null || echo '[]' ;;
*) exit 2 ;;
esac
`, name, kind, schema, filepath.Join(dir, "..", name), findings)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// workplace makes a working directory with plugins and a pipeline file.
func workplace(t *testing.T, listen string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv(catalog.EnvPath, "")
	if err := os.MkdirAll("plugins", 0o755); err != nil {
		t.Fatal(err)
	}
	script(t, "plugins", "source-test", "source", `{"type":"object","properties":{"url":{"type":"string"}},"additionalProperties":false}`, `echo '[]'`)
	script(t, "plugins", "prover-test", "prover", `{"type":"object"}`,
		`echo '[{"severity":"error","pointer":"/elf","summary":"no such file","remedy":"build the guest"},{"severity":"info","summary":"two GPUs"}]'; exit 1`)
	script(t, "plugins", "reporter-test", "reporter", `{"type":"object"}`, `echo "panic: oops" >&2; exit 2`)
	text := fmt.Sprintf(`version: 1
name: test
monitor: {listen: %q}
plugins: {dirs: [plugins]}
stages:
  - {name: blocks, plugin: source-test, config: {url: "${URL_OF_TEST}"}}
  - name: prove
    plugin: prover-test
    config:
      elf: /nowhere
  - {name: report, plugin: reporter-test}
`, listen)
	if err := os.WriteFile("pipeline.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestValidate(t *testing.T) {
	workplace(t, "127.0.0.1:0")
	code, stdout, stderr := execute(t, "validate")
	if code != exitRuntime || stderr != "" || !strings.HasPrefix(stdout, "pipeline.yaml:6:55: error: stages[0].config.url: the variable URL_OF_TEST is not set\n") {
		t.Errorf("with an unset variable: %d %q %q", code, stdout, stderr)
	}
	t.Setenv("URL_OF_TEST", "http://secret@node")
	if code, stdout, stderr = execute(t, "validate"); code != 0 || stdout != "valid: 3 stages\n" || stderr != "" {
		t.Errorf("a valid file: %d %q %q", code, stdout, stderr)
	}
	if code, stdout, _ = execute(t, "validate", "--json"); code != 0 || !strings.Contains(stdout, `"findings": []`) {
		t.Errorf("--json: %d %q", code, stdout)
	}
	if err := os.WriteFile("prover-test.says", []byte(`[{"severity":"error","pointer":"/elf","summary":"is no ELF file"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ = execute(t, "validate"); code != exitRuntime || stdout != "pipeline.yaml:10:12: error: stages[1].config.elf: is no ELF file\n" {
		t.Errorf("with a finding of the plugin: %d %q", code, stdout)
	}
	if code, _, stderr = execute(t, "run"); code != exitConfig || !strings.Contains(stderr, "is no ELF file\nproofline: pipeline.yaml: 1 error\n") {
		t.Errorf("run with a finding of the plugin: %d %q", code, stderr)
	}
	if err := os.Remove("plugins/prover-test"); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ = execute(t, "validate"); code != exitRuntime || !strings.Contains(stdout, "pipeline.yaml:8:13: error: stages[1].plugin: ") {
		t.Errorf("with a plugin missing: %d %q", code, stdout)
	}
}

// TestValidateComparesTraits: the traits of the plugins are checked against each other, also
// for a file on standard input.
func TestValidateComparesTraits(t *testing.T) {
	workplace(t, "127.0.0.1:0")
	t.Setenv("URL_OF_TEST", "http://node")
	says := func(plugin, traits string) {
		t.Helper()
		if err := os.WriteFile(plugin+".says", []byte(`{"findings": [], "traits": `+traits+`}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	says("source-test", `{"makes_proof": false, "provides": {"network": "hoodi"}}`)
	says("prover-test", `{"makes_proof": false, "requires": {"network": ["mainnet", "sepolia"]}}`)
	const want = "pipeline.yaml:10:7: error: stages[1].config: network: \"blocks\" (line 6) hands on \"hoodi\", and \"prove\" works with \"mainnet\" or \"sepolia\" only\n"
	if code, stdout, _ := execute(t, "validate"); code != exitRuntime || !strings.HasPrefix(stdout, want) {
		t.Errorf("%d %q, want %q", code, stdout, want)
	}
	text, err := os.ReadFile("pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := Run(t.Context(), Options{Stdin: bytes.NewReader(text), Stdout: &out, Stderr: &errs, LookupEnv: os.LookupEnv}, []string{"validate", "-"})
	if code != exitRuntime || !strings.HasPrefix(out.String(), strings.Replace(want, "pipeline.yaml", "<stdin>", 1)) {
		t.Errorf("standard input: %d %q %q", code, out.String(), errs.String())
	}
	says("prover-test", `{"makes_proof": false, "requires": {"network": ["hoodi"]}}`)
	if code, stdout, _ := execute(t, "validate"); code != 0 || stdout != "valid: 3 stages\n" {
		t.Errorf("agreeing: %d %q", code, stdout)
	}
}

func TestDoctor(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	workplace(t, taken.Addr().String())
	t.Setenv("URL_OF_TEST", "http://secret@node")
	if code, _, stderr := execute(t, "plugins", "lock", "plugins"); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr := execute(t, "doctor")
	for _, want := range []string{
		"pipeline.yaml:10:12: error: stages[1].config.elf: no such file\n    build the guest\n",
		"pipeline.yaml: pipeline test, 3 stages\n",
		"pipeline.yaml:10:7: info: stages[1].config: two GPUs\n",
		"pipeline.yaml:11:28: error: stages[2].plugin: the plugin's check failed: panic: oops\n",
		"pipeline.yaml:3:19: error: monitor.listen: cannot listen on " + taken.Addr().String(),
		"blocks  source-test 0.1.0    ok\n",
		"prove   prover-test 0.1.0    1 error\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("doctor does not say %q:\n%s", want, stdout)
		}
	}
	if code != exitEnvironment || stderr != "" || strings.Contains(stdout, "secret") {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	config, _ := os.ReadFile("source-test.stdin")
	args, _ := os.ReadFile("source-test.args")
	if string(config) != `{"url":"http://secret@node"}` || string(args) != "check --config - --json\n" {
		t.Errorf("the plugin got %q with the arguments %q", config, args)
	}
	if code, stdout, _ := execute(t, "doctor", "--json"); code != exitEnvironment || !strings.Contains(stdout, `"remedy": "build the guest"`) {
		t.Errorf("--json: %d %s", code, stdout)
	}
}

func TestPlugins(t *testing.T) {
	workplace(t, "127.0.0.1:0")
	code, stdout, _ := execute(t, "plugins", "list", "--dir", "plugins")
	if code != 0 || strings.Count(stdout, "a plugin is not run only to be listed: pin it with \"proofline plugins lock ") != 3 {
		t.Errorf("list before the lock: %d\n%s", code, stdout)
	}
	if code, _, stderr := execute(t, "plugins", "lock", "plugins"); code != 0 {
		t.Errorf("lock: %d %s", code, stderr)
	}
	code, stdout, _ = execute(t, "plugins", "list", "--dir", "plugins")
	if code != 0 || !strings.Contains(stdout, "prover-test    prover    0.1.0    1         yes     a test\n") {
		t.Errorf("list: %d\n%s", code, stdout)
	}
	code, stdout, _ = execute(t, "plugins", "list", "--json", "--dir", "plugins")
	if code != 0 || strings.Count(stdout, `"locked": true`) != 3 {
		t.Errorf("list --json: %d\n%s", code, stdout)
	}
	code, stdout, _ = execute(t, "plugins", "describe", "source-test", "--dir", "plugins")
	if code != 0 || !strings.Contains(stdout, `"additionalProperties": false`) || strings.Count(stdout, "config_schema") != 1 {
		t.Errorf("describe: %d\n%s", code, stdout)
	}
	code, _, stderr := execute(t, "plugins", "describe", "source-tset", "--dir", "plugins")
	if code != exitConfig || !strings.Contains(stderr, "source-test") {
		t.Errorf("describe an unknown plugin: %d %s", code, stderr)
	}
}
