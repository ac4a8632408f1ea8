// Package zisktest builds a test double of cargo-zisk for tests of the plugin and of whole
// pipelines. Package double states what the double can do, and from which sources it was
// made.
package zisktest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
)

// Scenario describes how a double behaves.
type Scenario = double.Scenario

// Tool is a double of cargo-zisk in a directory of its own.
type Tool struct {
	Dir  string // directory of the double, which a test puts first in PATH
	Path string // path of cargo-zisk
	// Emulator is the path of ziskemu.
	Emulator string
}

var built string // the directory of the built double, or empty

var (
	directory = sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp("", "zisktest-")
		built = dir
		return dir, err
	})
	buildTool  = sync.OnceValues(func() (string, error) { return compile("cargo-zisk") })
	buildGuest = sync.OnceValues(func() (string, error) { return compile(double.GuestProgram) })
)

// compile builds the command with the name and returns its path.
func compile(command string) (string, error) {
	dir, err := directory()
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, command)
	cmd := exec.Command("go", "build", "-o", program, "github.com/proofline/proofline/plugins/prover-zisk/zisktest/"+command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the test double %s: %w\n%s", command, err, out)
	}
	return program, nil
}

// Build returns the path of a double that proves like ZisK 0.14.0. Its directory is
// removed when the test ends.
func Build(t testing.TB) string {
	t.Helper()
	return New(t, Scenario{}).Path
}

// New returns a double with the scenario, in a directory that is removed when the test
// ends. If the scenario has cards, the directory also holds a double of nvidia-smi.
func New(t testing.TB, s Scenario) *Tool {
	t.Helper()
	program, err := buildTool()
	if err != nil {
		t.Fatal(err)
	}
	tool := &Tool{Dir: t.TempDir()}
	tool.Path = filepath.Join(tool.Dir, "cargo-zisk")
	if err := place(program, tool.Path); err != nil {
		t.Fatal(err)
	}
	tool.Emulator = filepath.Join(tool.Dir, "ziskemu")
	if err := place(program, tool.Emulator); err != nil {
		t.Fatal(err)
	}
	if len(s.GPUs) > 0 {
		if err := place(program, filepath.Join(tool.Dir, "nvidia-smi")); err != nil {
			t.Fatal(err)
		}
	}
	tool.Set(t, s)
	return tool
}

// Set changes the scenario for the calls that begin from now on.
func (tool *Tool) Set(t testing.TB, s Scenario) {
	t.Helper()
	guest := filepath.Join(tool.Dir, double.GuestProgram)
	if _, err := os.Stat(guest); s.Guest != "" && err != nil {
		program, err := buildGuest()
		if err == nil {
			err = place(program, guest)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(tool.Dir, double.ScenarioFile)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// Calls returns the calls of the double's subcommands so far.
func (tool *Tool) Calls() []double.Call { return double.ReadCalls(tool.Dir) }

// place puts the program at the path, as a hard link if the file system supports it. A
// symbolic link does not work, because the double finds its directory by its own path.
func place(program, path string) error {
	if os.Link(program, path) == nil {
		return nil
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o755)
}

// Cleanup removes the built double. TestMain calls it after the tests.
func Cleanup() {
	if built != "" {
		os.RemoveAll(built)
	}
}
