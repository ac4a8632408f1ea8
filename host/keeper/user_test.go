package keeper

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/proofline/proofline/host/account"
)

// tellUser is a role. It prints the lines of its /proc/self/status about its rights and
// opens its stderr once more, as shells do. With an argument it keeps running after that.
func tellUser(args []string) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	rights := map[string]string{}
	for line := range strings.Lines(string(status)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			rights[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	f, err := os.OpenFile("/dev/stderr", os.O_WRONLY, 0)
	if err != nil {
		rights["stderr"] = err.Error()
	} else {
		f.Close()
	}
	line, _ := json.Marshal(rights)
	_, _ = os.Stdout.Write(append(line, '\n'))
	if len(args) > 0 {
		forever()
	}
}

// TestUser: a plugin with another user has that user's id, one group and no capabilities,
// with and without a confinement. Its keeper ends it as all others.
func TestUser(t *testing.T) {
	if err := account.Rights(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	program := openedCopy(t)
	for name, test := range map[string]*Confinement{
		"user alone": nil,
		"confined":   {Read: []string{program, "/proc", "/dev", "/lib", "/lib64", "/usr"}},
	} {
		t.Run(name, func(t *testing.T) {
			outRead, outWrite := pipe(t)
			_, errWrite := pipe(t)
			p, err := Start(Command{
				Options: Options{Grace: long, Confine: test, User: &User{UID: 65534, GID: 65533}},
				Keeper:  []string{program, "keeper"}, Argv: []string{program, "role", "user", "stay"}, Env: os.Environ(), Dir: "/",
				Stdout: outWrite, Stderr: errWrite,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { p.Kill(); <-p.Done() }()
			line, err := bufio.NewReader(outRead).ReadString('\n')
			var rights map[string]string
			if err != nil || json.Unmarshal([]byte(line), &rights) != nil {
				t.Fatalf("%q %v", line, err)
			}
			for name, want := range map[string]string{
				"Uid": "65534 65534 65534 65534", "Gid": "65533 65533 65533 65533", "Groups": "", "NoNewPrivs": "1", "stderr": "",
				"CapInh": zero, "CapPrm": zero, "CapEff": zero, "CapAmb": zero,
			} {
				if rights[name] != want {
					t.Errorf("%s: %q, want %q", name, rights[name], want)
				}
			}
			pid, err := p.PluginPID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			// The parent death signal must still be set after the change of the user.
			if err := unix.Kill(p.PID(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			<-p.Done()
			wantGone(t, limit, pid)
		})
	}
}

const zero = "0000000000000000"

// openedCopy copies the test binary to a folder where every user may execute it.
func openedCopy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return program
}
