package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// execute runs a command line in the test's working directory.
func execute(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), Options{Stdout: &out, Stderr: &errs, LookupEnv: os.LookupEnv}, args)
	return code, out.String(), errs.String()
}

func TestFlagsFirst(t *testing.T) {
	app := App(Options{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, LookupEnv: os.LookupEnv})
	for line, want := range map[string]string{
		"validate":                                      "validate",
		"validate --json p.yaml":                        "validate --json -- p.yaml",
		"validate p.yaml --json":                        "validate --json -- p.yaml",
		"blocks add 1 2 --file p.yaml 3":                "blocks add --file p.yaml -- 1 2 3",
		"blocks add --file=p.yaml 1":                    "blocks add --file=p.yaml -- 1",
		"blocks list --state done -n 3 --json":          "blocks list --state done -n 3 --json",
		"prove 5 p.yaml --input i --hash 0x1":           "prove --input i --hash 0x1 -- 5 p.yaml",
		"prove 5 -- --input":                            "prove -- 5 --input",
		"prove 5 --input":                               "prove --input",
		"init zisk -f - --force":                        "init -f - --force -- zisk",
		"status --watch p.yaml":                         "status --watch -- p.yaml",
		"nothing --json x":                              "--json -- nothing x",
		"keeper --lock x -- y --z":                      "keeper --lock x -- y --z",
		"--version":                                     "--version",
		"validate p.yaml --generate-bash-completion":    "validate p.yaml --generate-bash-completion",
		"validate p.yaml --unknown":                     "validate --unknown -- p.yaml",
		"validate p.yaml --help":                        "validate --help -- p.yaml",
		"plugins list --dir a --dir b":                  "plugins list --dir a --dir b",
		"blocks add --file p.yaml -- 24000000-24000010": "blocks add --file p.yaml -- 24000000-24000010",
	} {
		got := strings.Join(flagsFirst(app, strings.Fields(line)), " ")
		if got != want {
			t.Errorf("%q becomes\n%q, want\n%q", line, got, want)
		}
	}
}

func TestBothFlagOrders(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("p.yaml", []byte("version: 1\nname: x\nstages: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, before, _ := execute(t, "validate", "--json", "p.yaml")
	_, after, _ := execute(t, "validate", "p.yaml", "--json")
	if before != after || !strings.Contains(before, `"valid": false`) {
		t.Errorf("--json before the file:\n%s\nafter it:\n%s", before, after)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{told{errors.New("x")}, 1},
		{contract.Permanent(errors.New("x")), 1},
		{context.Canceled, 1},
		{usage("x"), 2},
		{&pipeline.InvalidError{}, 2},
		{contract.Environment(errors.New("x"), "y"), 3},
		{control.ErrNotRunning, 3},
		{fmt.Errorf("data: %w", checkpoint.ErrInUse), 3},
	} {
		if got := exitCode(c.err); got != c.code {
			t.Errorf("%T %v: exit code %d, want %d", c.err, c.err, got, c.code)
		}
	}
}

func TestWrongCommandLines(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, want := range map[string]string{
		"valdate":               `Did you mean "validate"?`,
		"blocks ad 5":           `Did you mean "add"?`,
		"validate --jsn":        "flag provided but not defined: -jsn",
		"validate a b":          "one pipeline file is enough",
		"init":                  "name one preset: execute, zisk-cluster, zisk",
		"init zisc":             `did you mean "zisk"?`,
		"blocks add":            "name the blocks",
		"blocks add x":          `"x" is no block number`,
		"blocks add 9-5":        "is no range",
		"blocks add 0-99999999": "is no range",
		"blocks list --state x": "is no state of a block",
		"prove":                 "name the block",
		"prove 5":               "--input is missing",
		"prove 5 --input":       "flag needs an argument",
		"prove 5 --input gone":  "gone: no such file",
		"version x":             "unexpected argument",
		"plugins describe":      "name one plugin",
	} {
		code, stdout, stderr := execute(t, strings.Fields(line)...)
		if code != exitConfig || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, stderr %q; want 2 and %q", line, code, stderr, want)
		}
		if stdout != "" {
			t.Errorf("%s prints to stdout: %q", line, stdout)
		}
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	app := App(Options{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}, LookupEnv: os.LookupEnv})
	paths := [][]string{{}}
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		paths = append(paths, []string{c.Name})
		for _, sub := range c.Subcommands {
			paths = append(paths, []string{c.Name, sub.Name})
		}
	}
	for _, path := range paths {
		code, stdout, _ := execute(t, append(slices.Clone(path), "--help")...)
		if code != 0 || !strings.Contains(stdout, "USAGE") {
			t.Errorf("%v --help: exit code %d, %q", path, code, stdout)
		}
	}
}

func TestInit(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, preset := range pipeline.Presets() {
		if code, _, stderr := execute(t, "init", preset, "--file", preset+".yaml"); code != 0 {
			t.Errorf("init %s: %d %s", preset, code, stderr)
		}
		text, err := os.ReadFile(preset + ".yaml")
		if want, _ := pipeline.Preset(preset); err != nil || string(text) != string(want) {
			t.Errorf("init %s wrote %q, %v", preset, text, err)
		}
	}
	if err := os.WriteFile("pipeline.yaml", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute(t, "init", "zisk"); code != exitEnvironment || !strings.Contains(stderr, "pipeline.yaml exists already (--force overwrites it") {
		t.Errorf("init over a file: %d %s", code, stderr)
	}
	if text, _ := os.ReadFile("pipeline.yaml"); string(text) != "mine" {
		t.Error("the file was overwritten")
	}
	if code, _, _ := execute(t, "init", "zisk", "--force"); code != 0 {
		t.Errorf("init --force: %d", code)
	}
	if code, stdout, _ := execute(t, "init", "execute", "--file", "-"); code != 0 || !strings.Contains(stdout, "prover-stateless") {
		t.Errorf("init --file -: %d %q", code, stdout)
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error("init --file - made a file")
	}
}

func TestNoHostRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, stderr := execute(t, "status"); code != exitConfig || !strings.Contains(stderr, "pipeline.yaml: error: no such file") {
		t.Errorf("status without a file: %d %s", code, stderr)
	}
	// Of the file only the data directory matters.
	text := "version: 1\nname: x\ndata: ${DATA_OF_NOBODY}\nstages: []\n"
	if err := os.WriteFile(filepath.Join(".", "pipeline.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute(t, "status"); code != exitConfig || !strings.Contains(stderr, "DATA_OF_NOBODY is not set") || strings.Contains(stderr, "stages") {
		t.Errorf("status without a data directory: %d %s", code, stderr)
	}
}
