package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMakeSaysWhichGoItNeeds runs make without Go, with a Go that is too old, and with one
// that may not download another. In each case make fails first with the needed version and
// a command that installs it on this system.
func TestMakeSaysWhichGoItNeeds(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(mod), "\ngo ")
	wanted := strings.Fields(rest)[0]
	// Each go is a script that prints what the go command prints, by golang/go,
	// cmd/go/internal/envcmd and version.
	fake := func(version, toolchain string) string {
		return "#!/bin/sh\ncase \"$*\" in\n'env GOVERSION') echo go" + version + ";;\n'env GOTOOLCHAIN') echo " + toolchain + ";;\nversion) echo go version go" + version + " linux/amd64;;\nesac\n"
	}
	for _, c := range []struct {
		name, system, script string
		want                 []string // nil where make goes on
	}{
		{"no Go on Debian", "ID=debian\n", "", []string{wanted, "there is no go in PATH", "apt-get install golang-go"}},
		{"no Go on a relative of Fedora", "ID=rocky\nID_LIKE=\"rhel centos fedora\"\n", "", []string{"dnf install golang"}},
		{"no Go on an unknown system", "ID=other\n", "", []string{"https://go.dev/doc/install"}},
		{"too old to fetch another", "ID=ubuntu\n", fake("1.18.1", ""), []string{"this is 1.18.1", "snap install go"}},
		{"fetches the right one", "ID=ubuntu\n", fake("1.22.2", "auto"), nil},
		{"may fetch none", "ID=arch\n", fake("1.22.2", "local"), []string{"GOTOOLCHAIN=local", wanted, "pacman -S go"}},
		{"the right one", "ID=debian\n", fake(wanted, "local"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bin := t.TempDir()
			for _, tool := range []string{"make", "sh", "awk", "sort", "head", "dirname", "grep", "tr"} {
				path, err := exec.LookPath(tool)
				if err != nil {
					t.Skipf("there is no %s", tool)
				}
				if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
					t.Fatal(err)
				}
			}
			system := filepath.Join(bin, "os-release")
			if err := os.WriteFile(system, []byte(c.system), 0o600); err != nil {
				t.Fatal(err)
			}
			if c.script != "" {
				if err := os.WriteFile(filepath.Join(bin, "go"), []byte(c.script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "make", "-n", "build")
			cmd.Dir = "../.."
			cmd.Env = []string{"PATH=" + bin, "OS_RELEASE=" + system}
			out, err := cmd.CombinedOutput()
			if (err == nil) != (c.want == nil) {
				t.Errorf("%v\n%s", err, out)
			}
			for _, want := range c.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}
