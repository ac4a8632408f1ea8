package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/catalog"
	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// nobody returns a user that every Linux machine has. It skips the test if the process may
// not switch to that user.
func nobody(t *testing.T) *account.Account {
	t.Helper()
	if err := account.Rights(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	user, err := account.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	return user
}

// opened returns a directory for the test that every user may pass through.
func opened(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := account.Open(filepath.Dir(dir), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestPluginOfUser: a plugin with another user, pinned or not, runs as that user, keeps its
// state, can be started again, and ends as all others.
func TestPluginOfUser(t *testing.T) {
	user, dir := nobody(t), opened(t)
	spec := specOver(openRun(t, filepath.Join(dir, "data")), "")
	spec.StateDir, spec.User = filepath.Join(dir, "data", "state", "prove"), user
	program := filepath.Join(dir, "prover-chaos")
	text, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	spec.Binary.Path, spec.Run.Keeper = program, []string{program, "keeper"}
	if _, spec.Binary.SHA256, err = files.Digest(program); err != nil {
		t.Fatal(err)
	}
	for _, spec.Binary.Locked = range []bool{false, true} {
		p := launch(t, spec)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
		if err != nil || !strings.Contains(string(status), fmt.Sprintf("\nUid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n", user.UID)) {
			t.Errorf("not the user's: %v\n%s", err, status)
		}
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
		if err != nil || !slices.Contains(strings.Split(string(environ), "\x00"), "HOME="+user.Home) {
			t.Errorf("its environment: %v\n%q", err, environ)
		}
		work := task(t, "count")
		if err := errors.Join(account.Open(filepath.Dir(work.Dir)), os.Chown(work.Dir, user.UID, user.GID)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Do(t.Context(), work, ignore); err != nil {
			t.Error(err)
		}
		stop(t, p)
		wantGone(t, p.PID(), p.KeeperPID())
		if info, err := os.Stat(spec.StateDir); err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != user.UID || info.Mode().Perm() != 0o700 {
			t.Errorf("state directory: %v %v", info, err)
		}
	}
	shared := spec.Run.shared
	if err := spec.Run.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(shared); shared == "" || err == nil {
		t.Errorf("the directory of sockets %q is left", shared)
	}
}

// TestUserKeptOut: a path that the user cannot reach is an error before the plugin is
// started.
func TestUserKeptOut(t *testing.T) {
	user, dir := nobody(t), opened(t)
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(closed, "prover-chaos")
	if err := os.WriteFile(program, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	spec := specOver(openRun(t, filepath.Join(dir, "data")), "")
	spec.StateDir, spec.User, spec.Binary = filepath.Join(dir, "data", "state", "prove"), user, catalog.Binary{Name: "prover-chaos", Path: program}
	for state, want := range map[string]string{
		spec.StateDir:                           "user nobody may not go through " + closed,
		filepath.Join(closed, "data/state/one"): "user nobody may not go through " + closed,
	} {
		spec.StateDir = state
		_, err := Launch(t.Context(), spec)
		if err == nil || !strings.Contains(err.Error(), want) || contract.ClassOf(err) != contract.ClassEnvironment || !strings.HasSuffix(err.Error(), ")") {
			t.Errorf("%v (%v), want %q", err, contract.ClassOf(err), want)
		}
	}
}

func TestEnvironmentOf(t *testing.T) {
	host := []string{"PATH=/bin", "HOME=/root", "USER=root", "XDG_RUNTIME_DIR=/run/user/0", "XDG_CACHE_HOME=/cache", "TMPDIR=/root/tmp", "TOKEN=x"}
	user := &account.Account{Name: "u", Home: "/home/u"}
	if got, want := EnvironmentOf(user, host, []string{"XDG_CACHE_HOME"}), []string{"PATH=/bin", "XDG_CACHE_HOME=/cache", "HOME=/home/u", "USER=u", "LOGNAME=u"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := EnvironmentOf(nil, host, nil), Environment(host, nil); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestOutsideUser: a denied access of another user is explained by that user.
func TestOutsideUser(t *testing.T) {
	user := &account.Account{Name: "u"}
	for _, spec := range []Spec{{User: user}, {User: user, Confine: &keeper.Confinement{}}} {
		err := spec.explainDenied(errors.New("open /opt/x: permission denied"))
		if contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), "user u") {
			t.Errorf("%v", err)
		}
	}
}
