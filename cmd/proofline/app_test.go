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
	"github.com/proofline/proofline/host/launch"
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
		"blocks show 5 -h":                              "blocks show --help",
		"validate p.yaml --unknown":                     "validate --unknown -- p.yaml",
		"validate p.yaml --help":                        "validate --help",
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
		{printedError{errors.New("x")}, 1},
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
		"valdate":                    `Did you mean "validate"?`,
		"blocks ad 5":                `Did you mean "add"?`,
		"validate --jsn":             "flag provided but not defined: -jsn",
		"validate a b":               "one pipeline file is enough",
		"validate a -f b":            "one pipeline file is enough, got --file b and a",
		"blocks show 5 a.yaml b.yml": "one pipeline file is enough",
		"blocks add -1":              "see proofline blocks add --help",
		"help blocks ad":             `Did you mean "add"?`,
		"explain stages.retri":       `did you mean "stages.retry"?`,
		"explain a b":                "name one key",
		"init":                       "name one preset: execute, stateless-input, zisk-cluster, zisk",
		"init zisc":                  `did you mean "zisk"?`,
		"blocks add":                 "name the blocks",
		"blocks add x":               `"x" is no block number`,
		"blocks add 9-5":             "is no range",
		"blocks add 0-99999999":      "is no range",
		"blocks list --state x":      "is no state of a block",
		"prove":                      "name the block",
		"prove 5":                    "--input is missing",
		"prove 5 --input":            "flag needs an argument",
		"prove 5 --input gone":       "gone: no such file",
		"version x":                  "unexpected argument",
		"plugins describe":           "name one plugin",
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
		if code, _, stderr := execute(t, "init", preset); code != 0 || !strings.Contains(stderr, "proofline doctor "+preset+".yaml") {
			t.Errorf("init %s: %d %s", preset, code, stderr)
		}
		text, err := os.ReadFile(preset + ".yaml")
		if want, _ := pipeline.Preset(preset); err != nil || string(text) != string(want) {
			t.Errorf("init %s wrote %q, %v", preset, text, err)
		}
	}
	// Commands without a file name take the first one.
	if link, err := os.Readlink(defaultFile); err != nil || link != pipeline.Presets()[0]+".yaml" {
		t.Errorf("%s leads to %q, %v", defaultFile, link, err)
	}
	if err := os.WriteFile("mine.yaml", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute(t, "init", "zisk", "-f", "mine.yaml"); code != exitEnvironment || !strings.Contains(stderr, "mine.yaml exists already (--force overwrites it") {
		t.Errorf("init over a file: %d %s", code, stderr)
	}
	if text, _ := os.ReadFile("mine.yaml"); string(text) != "mine" {
		t.Error("the file was overwritten")
	}
	if code, _, _ := execute(t, "init", "zisk", "-f", "mine.yaml", "--force"); code != 0 {
		t.Errorf("init --force: %d", code)
	}
	if code, stdout, _ := execute(t, "init", "execute", "--file", "-"); code != 0 || !strings.Contains(stdout, "prover-stateless") {
		t.Errorf("init --file -: %d %q", code, stdout)
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error("init --file - made a file")
	}
}

// TestFileInEveryCommand: a command that reads a pipeline file takes it with -f and as an
// argument, with the same output.
func TestFileInEveryCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("input.bin", []byte{1}, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"run", "validate", "doctor", "status", "score", "db check", "db backup", "db compact", "prove 5 --input input.bin",
		"blocks list", "blocks show 5", "blocks add 5 7-9", "blocks retry 5", "blocks skip 5", "blocks bundle 5",
		"blocks retry --failed", "report 5", "report --all-rejected", "compare prove next", "verify 5", "verify --site 5", "score --site",
	} {
		args := strings.Fields(line)
		if code, stdout, stderr := execute(t, args...); code == 0 || !strings.Contains(stdout+stderr, "pipeline.yaml: error: no such file") {
			t.Errorf("%s without a file: %d %q %q", line, code, stdout, stderr)
		}
		for _, form := range [][]string{{"gone.yaml"}, {"-f", "gone.yaml"}, {"--file=gone.yaml"}} {
			code, stdout, stderr := execute(t, slices.Concat(args, form)...)
			if code == 0 || !strings.Contains(stdout+stderr, "gone.yaml: error: no such file") {
				t.Errorf("%s %v: %d %q %q", line, form, code, stdout, stderr)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	if code, stdout, _ := execute(t, "explain", "stages.retry.max"); code != 0 || !strings.HasPrefix(stdout, "KEY:      stages.retry.max\nTYPE:     whole number, from 0 to 1000\nDEFAULT:  2\n") {
		t.Errorf("%d %s", code, stdout)
	}
	if code, stdout, _ := execute(t, "explain"); code != 0 || !strings.Contains(stdout, "  stages  <list: mapping>  required\n") {
		t.Errorf("%d %s", code, stdout)
	}
	if code, stdout, _ := execute(t, "explain", "needs", "--json"); code != 0 || !strings.Contains(stdout, `"type": "stage name"`) {
		t.Errorf("%d %s", code, stdout)
	}
}

// TestUsualVariables: the reference names every variable that all plugins get.
func TestUsualVariables(t *testing.T) {
	code, stdout, _ := execute(t, "explain", "stages.env")
	text := strings.Join(strings.Fields(stdout), " ")
	for _, name := range launch.Passed() {
		if strings.HasSuffix(strings.ToLower(name), "_proxy") {
			name = "proxies"
		}
		if code != 0 || !strings.Contains(text, name) {
			t.Errorf("explain stages.env does not name %s: %s", name, text)
		}
	}
}

// TestHelp: all ways to call the help of a command print the same.
func TestHelp(t *testing.T) {
	for _, command := range []string{"", "validate", "blocks", "blocks show"} {
		path := strings.Fields(command)
		_, want, _ := execute(t, append(slices.Clone(path), "--help")...)
		forms := [][]string{append([]string{"help"}, path...), append(slices.Clone(path), "-h")}
		if command == "blocks show" {
			forms = append(forms, []string{"blocks", "show", "5", "-h"}, []string{"blocks", "show", "-h", "5"})
		}
		for _, form := range forms {
			if code, stdout, stderr := execute(t, form...); code != 0 || stdout != want || !strings.Contains(want, "USAGE") {
				t.Errorf("%v: %d %q %q, want\n%s", form, code, stdout, stderr, want)
			}
		}
	}
}

func TestNoHostRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, stderr := execute(t, "status"); code != exitConfig || !strings.Contains(stderr, "pipeline.yaml: error: no such file") {
		t.Errorf("status without a file: %d %s", code, stderr)
	}
	// The command needs only the data directory of the file.
	text := "version: 1\nname: x\ndata: ${DATA_OF_NOBODY}\nstages: []\n"
	if err := os.WriteFile(filepath.Join(".", "pipeline.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute(t, "status"); code != exitConfig || !strings.Contains(stderr, "DATA_OF_NOBODY is not set") || strings.Contains(stderr, "stages") {
		t.Errorf("status without a data directory: %d %s", code, stderr)
	}
}
