package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the scripts of testdata/script, which have the commands of an operator
// and the expected output, with the real binaries. PIPELINE is the folder of the
// repository's pipeline.yaml, LISTEN a free address, and HEALTH_PORT its port.
func TestScripts(t *testing.T) {
	t.Parallel()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits CODE PROGRAM ARGS… runs a program that has to end with that exit code.
			"exits": func(ts *testscript.TestScript, not bool, args []string) {
				if not || len(args) < 2 {
					ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
				}
				code := 0
				err := ts.Exec(args[1], args[2:]...)
				if exit, ok := errors.AsType[*exec.ExitError](err); ok {
					code = exit.ExitCode()
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if args[0] != strconv.Itoa(code) {
					ts.Fatalf("%s: exit code %d, want %s\n%s%s", strings.Join(args[1:], " "), code, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
				}
			},
		},
		Setup: func(env *testscript.Env) error {
			address := freeAddress(t)
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_RUNTIME_DIR", "") // the working directory's path is too long for sockets
			env.Setenv("TMPDIR", os.TempDir())
			env.Setenv("PIPELINE", root)
			env.Setenv("LISTEN", address)
			env.Setenv("HEALTH_PORT", address[len("127.0.0.1:"):])
			return nil
		},
	})
}
