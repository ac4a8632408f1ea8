package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/failpoint"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk-cluster/coordinatortest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

func contains(text []byte, part string) bool { return bytes.Contains(text, []byte(part)) }

func atoi(text string) int { n, _ := strconv.Atoi(text); return n }

// mortal builds, once, a proofline that kills itself at named moments, and returns its
// directory. The plugins are the usual ones.
var mortal = sync.OnceValues(func() (string, error) {
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "mortal")
	cmd := exec.Command("go", "build", unadorned, "-tags", "failpoints,grpcnotrace,urfave_cli_no_docs", "-o", dir+"/", "github.com/proofline/proofline/cmd/proofline")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build with failpoints: %w\n%s", err, out)
	}
	return dir, nil
})

// reorgable proves every block of a scripted node and reports it.
func reorgable(t *testing.T, n *ethnodetest.Node) string {
	return fmt.Sprintf(`
version: 1
name: crash
monitor: {listen: "LISTEN"}
select: {every: 1, from: 1, order: oldest_first, drop_after: 0s}
stages:
  - name: source
    plugin: source-rpc
    retry: {max: 1000, backoff: 50ms}
    config: {endpoints: ["%s"], poll: 100ms}
  - name: input
    plugin: builder-ethrex
    retry: {max: 1000, backoff: 50ms}
    config: {format: g8, network: hoodi, framing: raw}
  - name: prove
    plugin: prover-zisk
    retry: {max: 1000, backoff: 50ms}
    config: {elf: "${ELF_PATH}", %s}
  - name: ethproofs
    plugin: reporter-ethproofs
    config:
      url: "${ETHPROOFS_RPC_URL:-}"
      api_key: "${ETHPROOFS_API_KEY:-}"
      cluster_id: "${ETHPROOFS_CLUSTER_ID:-}"
      accept_test_proofs: true
      pace: 6000
`, n.URL, locks(t))
}

// hoodi makes a scripted node with invented blocks. Its chain id is that of Hoodi, so that
// the builder has a chain configuration for it.
func hoodi(t *testing.T, head uint64) *ethnodetest.Node {
	t.Helper()
	return ethnodetest.Start(t, ethnodetest.NewChainOf(560048, head))
}

// reported reports whether no event waits for a reporter.
func reported(snap status.Snapshot) bool {
	return len(snap.Stages) > 0 && !slices.ContainsFunc(snap.Stages, func(st status.Stage) bool {
		return st.Kind == contract.KindReporter && len(st.Queue)+len(st.Running) > 0
	})
}

// everything writes the pipeline of the crash tests: a gate beside the builder, two provers
// of different versions that it confirms, each with a cluster of its own, and a shadow.
func (f *forked) everything(url string, from uint64, gateConfig map[string]any) {
	f.t.Helper()
	f.pipeline(url, from, gate(f.t, "check", gateConfig),
		f.prover("prove", "confirm: [check],"), f.prover("other", "confirm: [check],"), f.prover("next", "shadow: true,"),
		reporter("ethproofs", "prove", 1), reporter("second", "other", 2))
}

// sampled are the boundaries at which the host is killed without PROOFLINE_CRASH_MATRIX.
var sampled = []string{failpoint.Claimed, failpoint.RecordedBeside, failpoint.Delivered}

// TestCrashMatrix is the crash matrix: the host is killed at some boundaries or, with
// PROOFLINE_CRASH_MATRIX=whole, at each, at its first occurrence and at a later one, and
// then started again.
func TestCrashMatrix(t *testing.T) {
	t.Parallel()
	bin, err := mortal()
	if err != nil {
		t.Fatal(err)
	}
	for _, point := range failpoint.All() {
		switch point {
		case failpoint.Resumable: // needs a prover that can resume: TestCrashAfterResumeToken
			continue
		case failpoint.Migrating: // needs an old file: TestCrashWhileMigrating
			continue
		}
		whole := os.Getenv("PROOFLINE_CRASH_MATRIX") == "whole"
		if !whole && !slices.Contains(sampled, point) {
			continue
		}
		later := 4
		if slices.Contains([]string{failpoint.Published, failpoint.ClaimedBeside, failpoint.RecordedBeside}, point) {
			later = 2 // a fast run has no more of them
		}
		for _, at := range []int{1, later} {
			if at > 1 && !whole {
				continue
			}
			if at > 1 && slices.Contains([]string{failpoint.Recovered, failpoint.TakenIn, failpoint.Polled, failpoint.RefusedBeside}, point) {
				continue // happens once in such a run
			}
			t.Run(fmt.Sprintf("%s@%d", point, at), func(t *testing.T) {
				t.Parallel()
				const blocks = 4
				n := hoodi(t, blocks)
				scenarios := map[string]zisktest.Scenario{
					"prove": {Version: "0.14.0"}, "other": {Version: "0.15.0"}, "next": {Version: "0.15.0"},
				}
				if point == failpoint.Failed {
					scenarios["other"] = zisktest.Scenario{Version: "0.15.0", Fail: "panic", FailTimes: 6}
				}
				f := newForked(t, fork, scenarios)
				refused := 0
				if point == failpoint.RefusedBeside {
					refused = 1
					f.everything(n.URL, 1, map[string]any{"blocks": map[string]string{"1": "refuse"}, "until": f.path("verdict")})
				} else {
					f.everything(n.URL, 1, nil)
				}
				healthy := f.bin

				f.bin = bin
				f.env = append(f.env, fmt.Sprintf("PROOFLINE_FAILPOINT=%s@%d", point, at))
				first := f.start("run", "--blocks", fmt.Sprint(blocks))
				if refused > 0 {
					f.letRefuse(1)
				}
				if code := first.wait(); code != -1 {
					t.Fatalf("exit %d: the run ended without reaching %s, so nothing was tested", code, point)
				}
				began := time.Now()
				eventually(t, "every process of the killed run is gone", func() bool { return len(f.strays(t)) == 0 })
				t.Logf("no process left %s after the kill", time.Since(began).Round(time.Millisecond))

				f.auditKilled(f.server)
				f.bin, f.env = healthy, f.env[:len(f.env)-1]
				p := f.start("run")
				f.until(p, "every block is done or failed, and reported", func(snap status.Snapshot) bool {
					return snap.Head >= blocks && snap.Counts.Active == 0 && reported(snap)
				})
				p.signal(syscall.SIGINT)
				if code := p.wait(); code != 0 {
					t.Errorf("exit %d", code)
				}
				states := f.audit(f.server)
				if done, failed := len(states[status.JobDone]), len(states[status.JobFailed]); done != blocks-refused || failed != refused {
					t.Errorf("%d done, %d failed, want %d and %d", done, failed, blocks-refused, refused)
				}
				for _, b := range fork {
					if got := proved(t, f, b.cluster); len(got) != blocks-refused {
						t.Errorf("cluster %d has proofs of %v", b.cluster, got)
					}
				}
				if refused > 0 && slices.ContainsFunc(calls(t, f.server), func(c call) bool { return c.block == 1 }) {
					t.Error("EthProofs heard of a block that the gate has refused")
				}
				if _, err := os.Stat(f.path("output", "1", "result.json")); refused > 0 && err == nil {
					t.Error("the proof of a block that the gate has refused is in the output directory")
				}
			})
		}
	}
}

// letRefuse lets the gate refuse the block when both proofs of it are done.
func (f *forked) letRefuse(block uint64) {
	f.t.Helper()
	eventually(f.t, "both proofs are done before the gate's verdict", func() bool {
		var jobs []status.Job
		code, out, _ := f.run("blocks", "show", "--json", fmt.Sprint(block))
		return code == 0 && json.Unmarshal([]byte(out), &jobs) == nil && len(jobs) == 1 && !slices.ContainsFunc(f.branches, func(b branch) bool {
			r, _ := of(jobs[0], b.stage)
			return r.State != string(record.StageDone)
		})
	})
	if err := os.WriteFile(f.path("verdict"), nil, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// TestCrashAfterResumeToken: a host that dies right after it has stored a resume token
// continues the same cluster job, so that the proof is made only once.
func TestCrashAfterResumeToken(t *testing.T) {
	t.Parallel()
	bin, err := mortal()
	if err != nil {
		t.Fatal(err)
	}
	n := hoodi(t, 1)
	coordinator := coordinatortest.Start(t, coordinatortest.Behaviour{Phase: time.Second})
	yaml := reorgable(t, n)
	begin, end := strings.Index(yaml, "    plugin: prover-zisk\n"), strings.Index(yaml, "  - name: ethproofs")
	yaml = yaml[:begin] + "    plugin: prover-zisk-cluster\n    verify: false\n    config: {elf: \"${ELF_PATH}\", coordinator: \"" + coordinator.URL() + "\"}\n" + yaml[end:]
	s, _, server := operator(t, swap(t, yaml, "framing: raw", "framing: framed"), zisktest.Scenario{})
	s.env = append(s.env, "PROOFLINE_PLUGIN_PATH="+filepath.Join(s.bin, "plugins"))
	healthy := s.bin
	s.bin, s.env = bin, append(s.env, "PROOFLINE_FAILPOINT="+failpoint.Resumable)
	if code := s.start("run", "--blocks", "1").wait(); code != -1 {
		t.Fatalf("exit %d: no resume token was stored, so nothing was tested", code)
	}
	eventually(t, "every process of the killed run is gone", func() bool { return len(s.strays(t)) == 0 })
	if counts := coordinator.Counts(); counts.Proofs != 1 || counts.Cancelled != 0 {
		t.Fatalf("after the kill: %+v, want one proof under way", counts)
	}
	s.bin, s.env = healthy, s.env[:len(s.env)-1]
	t.Log("\n" + s.must("run", "--blocks", "1"))
	if counts := coordinator.Counts(); counts.Proofs != 1 || counts.Cancelled != 0 {
		t.Errorf("%+v: the block was proved again", counts)
	}
	s.audit(server)
}

// TestCrashWhileMigrating: after a crash during the migration of an older checkpoint, the
// checkpoint is migrated again.
func TestCrashWhileMigrating(t *testing.T) {
	t.Parallel()
	bin, err := mortal()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, devchain(t))
	if err := os.MkdirAll(s.path("data"), 0o700); err != nil {
		t.Fatal(err)
	}
	old, err := os.Open("../../../host/checkpoint/testdata/schema-1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	unpacked, err := gzip.NewReader(old)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("data", "checkpoint.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "PROOFLINE_PLUGIN_PATH="+filepath.Join(s.bin, "plugins"))
	healthy := s.bin
	s.bin, s.env = bin, append(s.env, "PROOFLINE_FAILPOINT="+failpoint.Migrating)
	if code := s.start("run").wait(); code != -1 {
		t.Fatalf("exit %d: nothing was migrated, so nothing was tested", code)
	}
	if after, err := os.ReadFile(s.path("data", "checkpoint.db")); err != nil || !bytes.Equal(after, content) {
		t.Errorf("the old file was changed before the migration was committed (%v)", err)
	}
	s.bin, s.env = healthy, s.env[:len(s.env)-1]
	// The old file has blocks of another chain. So the run ends as soon as the file is
	// migrated and the chain of the source is known.
	p := s.start("run")
	if code := p.wait(); code == 0 || !strings.Contains(p.log.String(), "holds blocks of chain 1") {
		t.Errorf("exit %d\n%s", code, p.log.String())
	}
	if out := s.must("db", "check"); !strings.Contains(out, "sound") {
		t.Errorf("db check: %s", out)
	}
}
