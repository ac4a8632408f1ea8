package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// repository returns the checkout in which the tests run.
func repository(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// in runs another program in a folder of the site.
func (s *site) in(dir, name string, args ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Dir, cmd.Env = s.path(dir), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s %s in %s: %v\n%s", name, strings.Join(args, " "), dir, err, out)
	}
}

// conforms fails the test if a check of "plugins test" fails. It returns the number of
// checks that ran.
func (s *site) conforms(args ...string) (ran int) {
	s.t.Helper()
	var outcomes []struct{ Check, Outcome, Seen string }
	out := s.must(append([]string{"plugins", "test", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &outcomes); err != nil {
		s.t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Outcome == "passed" {
			ran++
		}
	}
	return ran
}

// TestAuthorsPath: the project that "new plugin" writes builds, passes the conformance
// suite and takes a block through a pipeline. With PROOFLINE_LONG it tests every kind,
// otherwise only the prover.
func TestAuthorsPath(t *testing.T) {
	t.Parallel()
	slow := map[string]string{
		"source": "delay: 1h\n", "builder": "delay: 1h\n", "reporter": "delay: 1h\n",
		"prover": "tool: sh\nargs: [-c, 'echo working; sleep 1000']\n",
	}
	kinds := []string{"prover", "source", "builder", "reporter"}
	for _, kind := range kinds[:amount(1, len(kinds))] {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "")
			begin := time.Now()
			name := kind + "-mine"
			s.must("new", "plugin", kind, name, "--sdk", repository(t))
			s.in(name, "go", "vet", "./...") // the test of the project, too
			s.in(name, "go", "build", "-o", "bin/"+name, ".")
			built := time.Since(begin)
			if err := os.WriteFile(s.path("slow.yaml"), []byte(slow[kind]), 0o600); err != nil {
				t.Fatal(err)
			}
			ran := s.conforms(filepath.Join(name, "bin", name), "-c", filepath.Join(name, "config.yaml"), "--slow", "slow.yaml")
			tested := time.Since(begin)
			if ran < 30 {
				t.Errorf("only %d checks ran", ran)
			}
			s.dir = s.path(name)
			if got := rows(s.must("run", "--blocks", "1")); len(got) != 1 {
				t.Errorf("finished blocks: %v", got)
			}
			t.Logf("built after %.1f s, %d checks passed after %.1f s, a block done after %.1f s", built.Seconds(), ran, tested.Seconds(), time.Since(begin).Seconds())
		})
	}
}

// python skips the test if the modules that the example needs are not installed.
func python(t *testing.T) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", "import grpc, grpc_tools.protoc, google.rpc.error_details_pb2").CombinedOutput(); err != nil {
		t.Skipf("needs python3 with grpcio, grpcio-tools and googleapis-common-protos: %v %s", err, out)
	}
}

// TestAuthorsPathInPython: the same in Python.
func TestAuthorsPathInPython(t *testing.T) {
	t.Parallel()
	python(t)
	s := newSite(t, "")
	begin := time.Now()
	s.must("new", "plugin", "prover", "prover-snake", "--lang", "python")
	s.dir = s.path("prover-snake")
	ran := s.conforms("plugin/prover-snake", "-c", "config.yaml", "--slow", "slow.yaml")
	tested := time.Since(begin)
	if ran < 30 {
		t.Errorf("only %d checks ran", ran)
	}
	if got := rows(s.must("run", "--blocks", "1")); len(got) != 1 {
		t.Errorf("finished blocks: %v", got)
	}
	t.Logf("%d checks passed after %.1f s, a block done after %.1f s", ran, tested.Seconds(), time.Since(begin).Seconds())
}

// TestNewPluginRefuses: the error for a wrong argument lists the right ones, and nothing is
// written.
func TestNewPluginRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	for line, want := range map[string]string{
		"new plugin":                                "for example: proofline new plugin prover prover-mine",
		"new plugin provr prover-mine":              "the kinds are source, builder, prover and reporter",
		"new plugin prover Prover_Mine":             "for example prover-mine",
		"new plugin prover ../x":                    "for example prover-mine",
		"new plugin prover p --lang rust":           "the languages are go and python",
		"new plugin source source-s --lang python":  "the Python template is a prover; sdk/docs/PROTOCOL.md",
		"new plugin prover prover-x":                "name a checkout with --sdk DIRECTORY",
		"new plugin prover prover-x --sdk .":        "is no checkout of proofline",
		"new plugin prover x --lang python --dir .": "is not empty",
	} {
		code, stdout, stderr := s.run(strings.Fields(line)...)
		if code == 0 || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %q %q, want %q", line, code, stdout, stderr, want)
		}
	}
	if entries, err := os.ReadDir(s.dir); err != nil || len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
}
