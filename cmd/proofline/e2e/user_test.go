package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/account"
	"github.com/proofline/proofline/host/status"
)

// userSite returns a site whose hostile plugin has the given sandbox, in folders that every
// user may pass through.
func userSite(t *testing.T, to int, sandbox string, config map[string]any) *site {
	t.Helper()
	s, own := hostileSite(t, to, config)
	text, err := os.ReadFile(s.path("pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "    plugin: prover-hostile\n", "    plugin: prover-hostile\n    sandbox: "+sandbox+"\n", 1)
	if err := os.WriteFile(s.path("pipeline.yaml"), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := account.Open(filepath.Dir(s.dir), s.dir, filepath.Dir(own)); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPluginOfAnotherUser: a plugin that runs as nobody works, and has no access to
// checkpoint, control socket, the host's environment and other stages' folders, and no
// right to change its inputs. Landlock is off, so that only the user is the reason. The
// same plugin without a user has access, which shows that the test works.
func TestPluginOfAnotherUser(t *testing.T) {
	t.Parallel()
	if err := account.Rights(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	if _, err := account.Lookup("nobody"); err != nil {
		t.Skip(err)
	}
	for name, sandbox := range map[string]string{"nobody": "{use: never, user: nobody}", "the host's": "{use: never}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := userSite(t, 2, sandbox, map[string]any{"always": "pry"})
			s.env = append(s.env, "ETHPROOFS_API_KEY=the-key-of-another-stage")
			p := s.start("run")
			if name == "nobody" {
				s.until(p, "the blocks are done", func(snap status.Snapshot) bool { return snap.Counts.Done == 2 })
			} else {
				eventually(t, "the attempt fails", func() bool { return len(ended(p.log.String(), "1")) > 0 })
				for _, open := range []string{"user 0 reaches", "/data/checkpoint.db", "/data/state/source", "/source/1/out/block.json", "the control socket ", "changing block.json"} {
					if line := ended(p.log.String(), "1")[0]; !strings.Contains(line, open) {
						t.Errorf("%q is not open to root: %s", open, line)
					}
				}
			}
			if line := ended(p.log.String(), "1"); name == "nobody" && len(line) > 0 {
				t.Errorf("an attempt has failed: %s", line)
			}
			p.signal(syscall.SIGINT)
			if code := p.wait(); code != 0 {
				t.Errorf("exit %d\n%s", code, p.log.String())
			}
			if info, err := os.Stat(s.path("data", "state", "hostile")); name == "nobody" && (err != nil || info.Sys().(*syscall.Stat_t).Uid == 0) {
				t.Errorf("state directory: %v, %v", info, err)
			}
		})
	}
}

// TestRefusedUser: a user that does not exist, or that cannot reach what the plugin needs,
// is a finding at its line of the file, in every command that checks the file.
func TestRefusedUser(t *testing.T) {
	t.Parallel()
	if err := account.Rights(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	for user, want := range map[string]string{
		"no-such-user": `:16:21: error: stages[2].sandbox.user: the machine has no user "no-such-user" in /etc/passwd`,
		"root":         ":16:21: error: stages[2].sandbox.user: user root is root, who has access to everything",
		"nobody":       ":16:21: error: stages[2].sandbox.user: user nobody may not go through ",
	} {
		s := userSite(t, 1, "{user: "+user+"}", map[string]any{})
		if err := os.Chmod(filepath.Dir(s.dir), 0o700); err != nil {
			t.Fatal(err)
		}
		commands := []string{"validate"}
		if user == "nobody" {
			commands = append(commands, "doctor", "run")
		}
		for _, command := range commands {
			code, stdout, stderr := s.run(command)
			if code == 0 || !strings.Contains(stdout+stderr, "pipeline.yaml"+want) {
				t.Errorf("%s with user %s: exit %d, want %q\n%s%s", command, user, code, want, stdout, stderr)
			}
		}
	}
}
