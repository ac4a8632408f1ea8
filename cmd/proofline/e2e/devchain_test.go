package e2e

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// devchain is the pipeline file of the repository's root, with faster blocks.
func devchain(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../pipeline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	yaml := string(text)
	for old, now := range map[string]string{"${HEALTH_HOST:-127.0.0.1}:${HEALTH_PORT:-4000}": "LISTEN", "period: 2s": "period: 1s"} {
		if !strings.Contains(yaml, old) {
			t.Fatalf("pipeline.yaml no longer holds %q", old)
		}
		yaml = strings.ReplaceAll(yaml, old, now)
	}
	return yaml
}

func TestFiveBlocksThenTheSameChainGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t, devchain(t))
	first := s.start("run", "--blocks", "5")
	snap := s.until(first, "every stage has a process", func(snap status.Snapshot) bool {
		return len(snap.Stages) == 4 && !slices.ContainsFunc(snap.Stages, func(st status.Stage) bool { return st.PID == 0 || st.State != status.StageReady })
	})
	kinds, pids := []contract.Kind{}, map[int]bool{snap.PID: true}
	for _, st := range snap.Stages {
		kinds = append(kinds, st.Kind)
		pids[st.PID] = true
		if st.Plugin == "" || st.Version == "" {
			t.Errorf("stage %s tells neither plugin nor version: %+v", st.Name, st)
		}
	}
	if !slices.Equal(kinds, contract.Kinds()) || len(pids) != 5 {
		t.Errorf("kinds %v in %d processes, want one of each in a process of its own", kinds, len(pids))
	}
	if code := first.wait(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	if left := alive(slices.Collect(func(yield func(int) bool) {
		for pid := range pids {
			if !yield(pid) {
				return
			}
		}
	})); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
	done := rows(first.out.String())
	if len(done) != 5 {
		t.Fatalf("blocks %v in the table, want five\n%s", done, first.out)
	}
	begin := atoi(done[0]) // 1, or the head on a machine that is slow to start
	if !slices.Equal(done, following(begin, 5)) {
		t.Errorf("blocks %v in the table\n%s", done, first.out)
	}
	hash := regexp.MustCompile(`0x[0-9a-f]{8}`).FindString(first.out.String())
	for _, n := range done {
		if _, err := os.Stat(s.path("output", n, contract.ArtifactExecution)); err != nil {
			t.Error(err)
		}
	}

	second := s.must("run", "--blocks", "5")
	if got := rows(second); !slices.Equal(got, following(begin+5, 5)) {
		t.Errorf("the second run worked on %v\n%s", got, second)
	}
	if out := s.must("blocks", "show", done[0]); !strings.Contains(out, hash) {
		t.Errorf("block %s is no longer %s:\n%s", done[0], hash, out)
	}
}

// following lists n numbers from the first on.
func following(first, n int) (numbers []string) {
	for i := range n {
		numbers = append(numbers, fmt.Sprint(first+i))
	}
	return numbers
}

func TestInterruptEndsInGoodOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, devchain(t))
	p := s.start("run")
	snap := s.until(p, "a block is done", func(snap status.Snapshot) bool { return snap.Counts.Done > 0 })
	processes := tree(p.cmd.Process.Pid)
	health, err := http.Get("http://" + listenAddress(t, s) + "/health/ready")
	if err != nil {
		t.Fatal(err)
	}
	health.Body.Close()
	if health.StatusCode != http.StatusOK {
		t.Errorf("readiness %d while everything runs", health.StatusCode)
	}
	if code, _, log := s.run("run"); code == 0 || !strings.Contains(log, fmt.Sprint(snap.PID)) {
		t.Errorf("a second run: exit %d, %s; want a refusal that names pid %d", code, log, snap.PID)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d after an interrupt", code)
	}
	t.Logf("no process left %s after the end", gone(t, processes).Round(time.Millisecond))
	if snap, running := s.status(); running {
		t.Errorf("a host is said to run: %+v", snap)
	}
}

// listenAddress reads the monitor's address from the pipeline file.
func listenAddress(t *testing.T, s *site) string {
	t.Helper()
	text, err := os.ReadFile(s.path("pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(string(text))
}

func TestBlocksByHand(t *testing.T) {
	t.Parallel()
	yaml := strings.Replace(devchain(t), "select: {every: 1,", "select: {every: 1000000,", 1)
	s := newSite(t, yaml)
	if out := s.must("blocks", "add", "2"); !strings.Contains(out, "next run") {
		t.Errorf("without a host: %s", out)
	}
	p := s.start("run")
	s.until(p, "the block that was left for this run is done", func(snap status.Snapshot) bool { return snap.Counts.Done == 1 })
	s.until(p, "the chain has four blocks", func(snap status.Snapshot) bool { return snap.Head >= 4 })
	out := s.must("blocks", "add", "2", "4")
	if !strings.Contains(out, "2: ignored") || !strings.Contains(out, "4: queued") {
		t.Errorf("blocks add 2 4: %s", out)
	}
	s.until(p, "the added block is done", func(snap status.Snapshot) bool { return snap.Counts.Done == 2 })
	if out := s.must("blocks", "show", "4"); !strings.Contains(out, "done") {
		t.Errorf("blocks show 4: %s", out)
	}
	if code, out, _ := s.run("blocks", "add", "99999999"); code == 0 && strings.Contains(out, "queued") {
		t.Errorf("a block of the far future: exit %d, %s", code, out)
	}
}
