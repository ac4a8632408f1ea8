package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/proofline/proofline/host/bench"
)

// TestBench measures real blocks of the test network hoodi. It does not change the file's
// own data directory.
func TestBench(t *testing.T) {
	t.Parallel()
	kept := shared(t, "data", "hoodi", "1265656")
	s := newSite(t, `
version: 1
name: hoodi
monitor: {listen: "LISTEN"}
select: {every: 100}
stages:
  - {name: source, plugin: source-rpc, config: {endpoints: ["${NOT_NEEDED}"]}}
  - {name: input, plugin: builder-ethrex, config: {format: g4, network: hoodi}}
  - {name: check, plugin: prover-stateless, needs: [source]}
  - {name: notify, plugin: reporter-notify, config: {to: webhook, file: events}}
`)
	if err := os.Mkdir(s.path("kept"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(s.path("kept", "1265656"), os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	var r bench.Report
	if err := json.Unmarshal([]byte(s.must("bench", "--archive", "kept", "--json", "--html", "report.html")), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Blocks) != 1 || r.Blocks[0].Number != 1265656 || r.Blocks[0].State != "done" || len(r.Stages) != 3 || r.Total.Median <= 0 {
		t.Errorf("%+v", r)
	}
	for _, stage := range r.Stages {
		if stage.Run.Count != 1 || stage.Run.Median <= 0 || stage.Work.Median > stage.Run.Median {
			t.Errorf("%+v", stage)
		}
	}
	if page, err := os.ReadFile(s.path("report.html")); err != nil || !strings.Contains(string(page), "<svg") {
		t.Errorf("the page: %v", err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("a.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.must("bench", "--compare", "a.json", "a.json"); !strings.Contains(out, "1.00") || !strings.Contains(out, "1 block that both have") {
		t.Error(out)
	}
	if out := s.must("bench", "--archive", "kept", "--stages", "check"); strings.Contains(out, "input") || !strings.Contains(out, "check") {
		t.Error(out)
	}
	s.env = append(s.env, "NOT_NEEDED="+newNode(t, 560048, kept).URL)
	if out := s.must("bench", "--blocks", "1265656..1265656", "--csv"); !strings.Contains(out, "1265656") || !strings.Contains(out, "source") {
		t.Errorf("from a node:\n%s", out)
	}
	if code, _, stderr := s.run("bench", "--blocks", "7"); code != 2 || !strings.Contains(stderr, "--blocks N..M") {
		t.Errorf("neither archive nor range: exit %d, %s", code, stderr)
	}
	for _, left := range []string{"data", "output", "events"} {
		if _, err := os.Stat(s.path(left)); err == nil {
			t.Errorf("bench has made %s", left)
		}
	}
}
