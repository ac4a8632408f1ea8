package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/checkpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/sdk/contract"
)

// withCheckpoint makes a working directory with a pipeline of ten blocks and no host.
func withCheckpoint(t *testing.T) *checkpoint.Store {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("pipeline.yaml", []byte("version: 1\nname: x\nstages: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := checkpoint.Open("data/checkpoint.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for n := range uint64(10) {
		j := record.New(contract.Block{ChainID: 1, Number: n}, record.Selected, began)
		j.Reason = strings.Repeat("x", 2000)
		if err := s.Commit(record.Change{Jobs: []*record.Job{j}}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestDB(t *testing.T) {
	withCheckpoint(t).Close()
	for _, c := range []struct {
		line, stdout, stderr string
		code                 int
	}{
		{"db check", "data/checkpoint.db: sound: 10 blocks, 10 at work, 0 events to report; 16.8 MB, ", "", 0},
		{"db check --json pipeline.yaml", `"sound": true`, "", 0},
		{"db backup --to copy.db", "copy.db: ", "", 0},
		{"db backup --to copy.db pipeline.yaml --json", `copy.db",`, "", 0}, // a backup may be replaced
		{"db backup", "data/checkpoint-20", "", 0},
		{"db backup --to pipeline.yaml", "", "pipeline.yaml exists and is no intact checkpoint, so it is not replaced", exitRuntime},
		{"db backup --to data/checkpoint.db", "", "is the checkpoint itself", exitRuntime},
		{"db backup --to none/copy.db", "", "none/copy.db", exitRuntime},
		{"db compact", "kB, was 16.8 MB\n", "", 0},
		{"db check", "sound: 10 blocks", "", 0},
		{"db check gone.yaml", "", "gone.yaml: error: no such file", exitConfig},
		{"db chek", "", `Did you mean "check"?`, exitConfig},
	} {
		code, stdout, stderr := execute(t, strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want %d, %q, %q", c.line, code, stdout, stderr, c.code, c.stdout, c.stderr)
		}
	}
	if report, err := checkpoint.Check("copy.db"); err != nil || report.Counts.Jobs != 10 {
		t.Errorf("the backup: %+v, %v", report, err)
	}
	if left, _ := filepath.Glob("data/*part*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestDBOfADamagedCheckpoint(t *testing.T) {
	withCheckpoint(t).Close()
	text, err := os.ReadFile("data/checkpoint.db")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "xxxxxxxx")
	text[at] = 'y'
	if err := os.WriteFile("data/checkpoint.db", text, 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := execute(t, "db", "check")
	if code != exitRuntime || !strings.Contains(stdout, "its checksum does not match") || !strings.Contains(stdout, "What to do: stop the pipeline and copy a backup") {
		t.Errorf("check: %d %q", code, stdout)
	}
	code, stdout, _ = execute(t, "db", "check", "--json")
	var answer struct {
		Sound    bool
		Problems []checkpoint.Problem
	}
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || code != exitRuntime || answer.Sound || len(answer.Problems) != 1 || !strings.HasPrefix(answer.Problems[0].Where, "jobs/1-") {
		t.Errorf("check --json: %d %q %v", code, stdout, err)
	}
	for _, line := range []string{"db backup", "db compact", "status"} {
		if code, _, stderr := execute(t, strings.Fields(line)...); code != exitEnvironment || !strings.Contains(stderr, "is damaged") {
			t.Errorf("%s: %d %q", line, code, stderr)
		}
	}
	if after, _ := os.ReadFile("data/checkpoint.db"); string(after) != string(text) {
		t.Error("the damaged file was changed")
	}
}

func TestDBWithoutACheckpoint(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("pipeline.yaml", []byte("version: 1\nname: x\nstages: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"db check", "db backup", "db compact"} {
		if code, _, stderr := execute(t, strings.Fields(line)...); code != exitEnvironment || !strings.Contains(stderr, "there is no checkpoint") {
			t.Errorf("%s: %d %q", line, code, stderr)
		}
	}
	if _, err := os.Stat("data"); err == nil {
		t.Error("a command that looks has made the data directory")
	}
}

// TestDBWhileAHostRuns: while the host uses the file, the commands get copies from it. Only
// compact fails.
func TestDBWhileAHostRuns(t *testing.T) {
	h := hosted(t)
	s, err := checkpoint.Open("data/checkpoint.db")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h.store = s
	for _, c := range []struct {
		line, stdout, stderr string
		code                 int
	}{
		{"db check", "data/checkpoint.db: sound: 0 blocks", "", 0},
		{"db backup --to copy.db", "copy.db: ", "", 0},
		{"db compact", "", "data is in use by the proofline with pid 1 (stop it first", exitEnvironment},
	} {
		code, stdout, stderr := execute(t, strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) || c.stderr == "" && stderr != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want %d, %q, %q", c.line, code, stdout, stderr, c.code, c.stdout, c.stderr)
		}
	}
	if files, _ := filepath.Glob("data/*"); len(files) != 2 || len(h.calls) != 2 { // checkpoint.db, run
		t.Errorf("in data: %v; the host was asked %q", files, h.calls)
	}
}
