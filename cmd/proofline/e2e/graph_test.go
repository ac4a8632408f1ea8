package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/history"
	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// TestTwoProversForOneBlock: two ZisK provers of different versions work on the same
// 50 blocks, each for a cluster of its own. One hangs at its first block until the
// other has proved all 50, and then the guest panics at every seventh of its proofs.
func TestTwoProversForOneBlock(t *testing.T) {
	t.Parallel()
	blocks := amount(16, 50)
	n := hoodi(t, uint64(blocks))
	f := newForked(t, fork, map[string]zisktest.Scenario{
		"prove": {Version: "0.14.0", PhaseMS: 1},
		"other": {Version: "0.15.0", PhaseMS: 1, Fail: "hang"},
	})
	f.pipeline(n.URL, 1, gate(t, "check", nil),
		f.prover("prove", "confirm: [check],"), f.prover("other", "confirm: [check], retry: {max: 0},"),
		reporter("ethproofs", "prove", 1), reporter("second", "other", 2))
	p := f.start("run")
	eventually(t, "the first cluster has every proof, although the second prover hangs", func() bool {
		return len(proved(t, f, 1)) == blocks
	})
	if got := proved(t, f, 2); len(got) > 0 {
		t.Errorf("cluster 2 has proofs of %v from a prover that hangs", got)
	}
	hanging := f.tools["other"].Calls()
	f.tools["other"].Set(t, zisktest.Scenario{Version: "0.15.0", PhaseMS: 1, Fail: "guest-panic", FailEvery: 7})
	for _, c := range hanging {
		if c.End.IsZero() && c.Args[0] == "prove" {
			_ = syscall.Kill(c.PID, syscall.SIGKILL)
		}
	}
	f.until(p, "every block is done or failed, and reported", func(snap status.Snapshot) bool {
		return snap.Head >= uint64(blocks) && snap.Counts.Active == 0 && reported(snap)
	})
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}

	states := f.audit(f.server)
	of := map[string][]uint64{}
	var ended time.Time // the first proof of the branch that hung
	var started []time.Time
	for _, jobs := range states {
		for _, j := range jobs {
			for _, b := range fork {
				if r := j.Stages[b.stage]; r.State == record.StageDone {
					of[b.stage] = append(of[b.stage], j.Block.Number)
				}
			}
			started = append(started, j.Stages["prove"].Started)
			if r := j.Stages["other"]; ended.IsZero() || r.Ended.Before(ended) {
				ended = r.Ended
			}
		}
	}
	for _, b := range fork {
		slices.Sort(of[b.stage])
		if got := proved(t, f, b.cluster); !slices.Equal(got, of[b.stage]) {
			t.Errorf("cluster %d has the proofs of %v, stage %s has made %v", b.cluster, got, b.stage, of[b.stage])
		}
	}
	done, failed := len(states[status.JobDone]), len(states[status.JobFailed])
	if len(of["prove"]) != blocks || failed == 0 || len(of["other"]) != blocks-failed || done != blocks-failed {
		t.Errorf("%d jobs are done and %d failed; one branch has %d proofs, the other %d", done, failed, len(of["prove"]), len(of["other"]))
	}
	for i, at := range started {
		if !at.Before(ended) {
			t.Errorf("proof %d of the undisturbed branch began at %s, after the first of the other had ended at %s: it waited", i, at, ended)
		}
	}
	t.Logf("%d and %d proofs of %d blocks, %d failed in one branch", len(of["prove"]), len(of["other"]), blocks, failed)
}

// proved returns the numbers of the blocks whose proofs a cluster has accepted, in
// ascending order, because reports of different blocks come in any order. A number occurs
// as often as it was accepted.
func proved(t *testing.T, f *forked, cluster int) (blocks []uint64) {
	t.Helper()
	for _, c := range calls(t, f.server) {
		if c.cluster == cluster && c.phase == "proved" && c.status == 200 {
			blocks = append(blocks, c.block)
		}
	}
	slices.Sort(blocks)
	return blocks
}

// TestShadowIsComparedAndNotReported: the second prover is a shadow whose proving time is
// one and a half times as long.
func TestShadowIsComparedAndNotReported(t *testing.T) {
	t.Parallel()
	blocks := amount(10, 20)
	n := hoodi(t, uint64(blocks))
	f := newForked(t, line, map[string]zisktest.Scenario{
		"prove": {Version: "0.14.0", PhaseMS: 1, Seconds: 1000, Steps: 1_000_000},
		"next":  {Version: "0.15.0", PhaseMS: 1, Seconds: 1500, Steps: 3_000_000},
	})
	f.pipeline(n.URL, 1, gate(t, "check", nil),
		f.prover("prove", "confirm: [check],"), f.prover("next", "shadow: true,"),
		reporter("ethproofs", "prove", 1))
	p := f.start("run")
	f.until(p, "every block is done by both, and reported", func(snap status.Snapshot) bool {
		return snap.Head >= uint64(blocks) && snap.Counts.Active == 0 && reported(snap)
	})
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	f.audit(f.server)
	if got := proved(t, f, 1); !slices.Equal(got, numbers(1, uint64(blocks))) {
		t.Errorf("cluster 1 has the proofs of %v", got)
	}
	for _, c := range calls(t, f.server) {
		if c.cluster != 1 || c.time >= 1_500_000 {
			t.Errorf("EthProofs heard of the shadow: %+v", c)
		}
	}
	var result history.Comparison
	if err := json.Unmarshal([]byte(f.must("compare", "prove", "next", "--json")), &result); err != nil {
		t.Fatal(err)
	}
	if result.Pairs != blocks || result.A.Cycles != 1_000_000 || result.B.Cycles != 3_000_000 || result.A.Failures+result.B.Failures > 0 {
		t.Errorf("%+v", result)
	}
	// The ratio is a little less than 1.5, because the builder's time is part of both.
	out := f.must("compare", "prove", "next")
	if want := fmt.Sprintf("next takes 1.50 × the time of prove (median of %d blocks that both have proved", blocks); !strings.Contains(out, want) {
		t.Errorf("compare does not say %q:\n%s", want, out)
	}
	t.Log("\n" + out)
}

// numbers lists the numbers from first to last.
func numbers(first, last uint64) (all []uint64) {
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	return all
}
