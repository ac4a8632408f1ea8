package e2e

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/host/status"
)

// TestRefusedBinaries: a plugin that is not the pinned one, or that has an old version of
// the protocol, is refused and not executed. The error is one sentence with a remedy.
func TestRefusedBinaries(t *testing.T) {
	t.Parallel()
	s, own := hostileSite(t, 1, map[string]any{})
	// Another file than the one in the folder: the binary is linked into it.
	binary, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(data []byte) {
		t.Helper()
		if err := os.Remove(own); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(own, data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want string, args ...string) {
		t.Helper()
		code, stdout, stderr := s.run(args...)
		found := 0
		for line := range strings.Lines(stdout + stderr) {
			if strings.Contains(line, want) {
				found++
			}
		}
		if code == 0 && args[0] != "plugins" || found != 1 {
			t.Errorf("%v: exit %d, the sentence is there %d times, want %q\n%s%s", args, code, found, want, stdout, stderr)
		}
	}

	s.must("plugins", "lock", "plugins")
	replace(append(binary, 0)) // an ELF file ends where its headers say: it would run
	tampered := "is not the file that " + s.path("plugins", "plugins.lock") + " names (locked sha256 "
	refused(tampered, "validate")
	refused(tampered, "run", "--blocks", "1")
	refused(tampered, "plugins", "list", "--dir", "plugins")
	replace(binary)
	if code, _, stderr := s.run("validate"); code != 0 {
		t.Errorf("the pinned file itself: %s", stderr)
	}

	ran := s.path("ran")
	replace(fmt.Appendf(nil, "#!/bin/sh\ntouch %s\nprintf '{\"name\":\"prover-hostile\",\"kind\":\"prover\",\"version\":\"1.0.0\",\"protocol\":-1,\"config_schema\":{}}'\n", ran))
	if err := os.Remove(s.path("plugins", "plugins.lock")); err != nil {
		t.Fatal(err)
	}
	unlocked := `it has no entry in plugins.lock, and a plugin is not run only to be listed: pin it with "proofline plugins lock ` + s.path("plugins")
	refused(unlocked, "plugins", "list", "--dir", "plugins")
	if _, err := os.Stat(ran); err == nil {
		t.Error("a plugin was run to be listed")
	}
	refused("it speaks protocol -1, which has expired: this proofline speaks 1; install a newer release of the plugin", "validate")
}

// TestRefusedAtWork: a confined plugin that accesses more than its stage allows fails, with
// one sentence that names the limit. Without a sandbox the same plugin succeeds, which
// shows that the sandbox is the cause. An artifact outside of the attempt's directory is
// tested by the trick "way out" of TestMisbehavingPlugin.
func TestRefusedAtWork(t *testing.T) {
	t.Parallel()
	kernel := keeper.Supported()
	if !kernel.FilesEnforced() {
		t.Skipf("needs Landlock: %v", kernel)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for _, test := range []struct {
		trick, use, want string
		class            string
	}{
		{"other files", "always", "outside of the stage's sandbox: open pipeline.yaml: permission denied", "environment"},
		{"other files", "never", "", ""},
		{"secret", "always", "outside of the stage's sandbox: ETHPROOFS_API_KEY was not given to this plugin", "environment"},
		{"network", "always", "outside of the stage's sandbox: dial tcp 127.0.0.1:" + port, "environment"},
		{"network", "never", "", ""},
	} {
		if test.trick == "network" && test.use == "always" && !kernel.NetworkEnforced() {
			t.Logf("the network is not tried: %v", kernel)
			continue
		}
		t.Run(test.trick+" "+test.use, func(t *testing.T) {
			t.Parallel()
			s, _ := hostileSite(t, 1, map[string]any{"always": test.trick})
			text, err := os.ReadFile(s.path("pipeline.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			sandboxed := strings.Replace(string(text), "    plugin: prover-hostile\n", "    plugin: prover-hostile\n    env: [HOSTILE_PORT]\n    sandbox: {use: "+test.use+"}\n", 1)
			if err := os.WriteFile(s.path("pipeline.yaml"), []byte(sandboxed), 0o600); err != nil {
				t.Fatal(err)
			}
			s.env = append(s.env, "HOSTILE_PORT="+port, "ETHPROOFS_API_KEY=the-key-of-another-stage")
			p := s.start("run")
			if test.want == "" {
				s.until(p, "the block is done", func(snap status.Snapshot) bool { return snap.Counts.Done == 1 })
			} else {
				eventually(t, "the attempt fails", func() bool { return len(ended(p.log.String(), "1")) > 0 })
				line := ended(p.log.String(), "1")[0]
				if !strings.Contains(line, test.want) || !strings.Contains(line, "class="+test.class+" ") {
					t.Errorf("the attempt ended with %s, want %q of class %s", line, test.want, test.class)
				}
				if strings.Contains(p.log.String(), "the-key-of-another-stage") {
					t.Error("the plugin has found the key")
				}
			}
			p.signal(syscall.SIGINT)
			p.wait()
		})
	}
}

// TestRunsFromCopies: the executed file is a copy whose folder has the name of its digest.
// If the plugin's file is replaced, the old plugin keeps running and is also started again.
func TestRunsFromCopies(t *testing.T) {
	t.Parallel()
	until := filepath.Join(t.TempDir(), "go")
	s, own := hostileSite(t, 2, map[string]any{"blocks": map[string]string{"1": "kill once"}, "until": until})
	binary, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	s.must("plugins", "lock", filepath.Dir(own)) // what nothing pins runs where it lies
	p := s.start("run")
	s.until(p, "the block is at the plugin", func(snap status.Snapshot) bool {
		return slices.ContainsFunc(snap.Stages, func(st status.Stage) bool { return st.Name == "hostile" && len(st.Running) == 1 })
	})
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(until, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	snap := s.until(p, "both blocks are done", func(snap status.Snapshot) bool { return snap.Counts.Done == 2 })
	if n := stage(t, snap, "hostile").Restarts; n == 0 {
		t.Error("the plugin was not started again")
	}
	copied, err := os.ReadFile(filepath.Join(s.path("data", "run", "plugins"), fmt.Sprintf("%x", sha256.Sum256(binary)), "prover-hostile"))
	if err != nil || string(copied) != string(binary) {
		t.Errorf("the copy has %d bytes, %v", len(copied), err)
	}
	p.signal(syscall.SIGINT)
	p.wait()
}
