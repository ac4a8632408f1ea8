package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
)

// atWork returns the processes of the doubles that work at a proof.
func (f *forked) atWork(stage string) (pids []int) {
	for _, c := range f.tools[stage].Calls() {
		if c.Args[0] == "prove" && c.End.IsZero() {
			pids = append(pids, c.PID)
		}
	}
	return alive(pids)
}

// TestGateRefusesWhileTheProofRuns: the proof is cancelled, and the block was never
// announced.
func TestGateRefusesWhileTheProofRuns(t *testing.T) {
	t.Parallel()
	n := hoodi(t, 1)
	f := newForked(t, line, map[string]zisktest.Scenario{"prove": {Fail: "hang"}})
	f.pipeline(n.URL, 1,
		gate(t, "check", map[string]any{"blocks": map[string]string{"1": "refuse"}, "until": f.path("verdict")}),
		f.prover("prove", "confirm: [check],"), reporter("ethproofs", "prove", 1))
	p := f.start("run")
	f.until(p, "the proof is in the phase in which it hangs", func(snap status.Snapshot) bool {
		prove := stageOf(snap, "prove")
		return len(prove.Running) == 1 && prove.Running[0].Phase == "GENERATING_PROOFS"
	})
	tool := f.atWork("prove")
	if len(tool) != 1 {
		t.Fatalf("processes %v of the tool, want one", tool)
	}
	if err := os.WriteFile(f.path("verdict"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.until(p, "the block has failed", func(snap status.Snapshot) bool { return snap.Counts.Failed == 1 && snap.Counts.Active == 0 })
	gone(t, tool)
	job := f.jobs(1)[0]
	check, _ := of(job, "check")
	prove, _ := of(job, "prove")
	if !strings.Contains(job.Reason, "not what it says") || check.State != string(record.StageFailed) || prove.State != string(record.StageBlocked) || prove.Announced != "" && prove.Announced != "failed" {
		t.Errorf("the job failed because %q; check is %s, prove %s (%s)", job.Reason, check.State, prove.State, prove.Announced)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if writes := f.server.Writes(); len(writes) > 0 {
		t.Errorf("EthProofs heard %v", writes)
	}
	if _, err := os.Stat(f.path("output", "1", "result.json")); err == nil {
		t.Error("a proof of the refused block is in the output directory")
	}
}

// TestReorgWhileTwoProofsRun: both are cancelled, and the block in their place is
// proved by both.
func TestReorgWhileTwoProofsRun(t *testing.T) {
	t.Parallel()
	n := hoodi(t, 1)
	f := newForked(t, fork, map[string]zisktest.Scenario{
		"prove": {Version: "0.14.0", Fail: "hang"}, "other": {Version: "0.15.0", Fail: "hang"},
	})
	f.pipeline(n.URL, 1, gate(t, "check", nil),
		f.prover("prove", "confirm: [check],"), f.prover("other", "confirm: [check],"),
		reporter("ethproofs", "prove", 1), reporter("second", "other", 2))
	p := f.start("run")
	f.until(p, "both proofs run and are announced", func(snap status.Snapshot) bool {
		for _, b := range f.branches {
			if r := stageOf(snap, b.stage); len(r.Running) != 1 || r.Running[0].Phase != "GENERATING_PROOFS" || !slices.Contains(told(t, f, b.cluster), "proving") {
				return false
			}
		}
		return true
	})
	tools := slices.Concat(f.atWork("prove"), f.atWork("other"))
	if len(tools) != 2 {
		t.Fatalf("processes %v of the tools, want two", tools)
	}
	orphan := f.jobs(1)[0].ID
	f.tools["prove"].Set(t, zisktest.Scenario{Version: "0.14.0"})
	f.tools["other"].Set(t, zisktest.Scenario{Version: "0.15.0"})
	n.Chain.Reorg(1, 2)
	gone(t, tools)
	f.until(p, "the blocks of the new branch are done", func(snap status.Snapshot) bool {
		return snap.Head == 2 && snap.Counts.Done == 2 && snap.Counts.Active == 0 && reported(snap)
	})
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	states := f.audit(f.server)
	if len(states[status.JobCancelled]) != 1 || states[status.JobCancelled][0].ID != orphan {
		t.Fatalf("%d jobs are cancelled, want the orphan", len(states[status.JobCancelled]))
	}
	for _, b := range f.branches {
		if r := states[status.JobCancelled][0].Stages[b.stage]; r.State != record.StageCancelled {
			t.Errorf("%s of the orphan is %s", b.stage, r.State)
		}
		if got := proved(t, f, b.cluster); !slices.Equal(got, []uint64{1, 2}) {
			t.Errorf("cluster %d has proofs of %v", b.cluster, got)
		}
	}
	// The orphan has sent queued and proving, or only proving where the gate took longer
	// than the prover to begin. The block in its place sends only the proof, because
	// EthProofs identifies blocks by number.
	for _, b := range f.branches {
		want := []string{"queued", "proving", "proved"}
		if got := told(t, f, b.cluster); !slices.Equal(got, want) && !slices.Equal(got, want[1:]) {
			t.Errorf("cluster %d heard %v of block 1, want the end of %v", b.cluster, got, want)
		}
	}
}

// told returns the phases of block 1 that EthProofs heard from a cluster, in order. A
// repeated call is listed once.
func told(t *testing.T, f *forked, cluster int) (phases []string) {
	t.Helper()
	for _, c := range calls(t, f.server) {
		if c.cluster == cluster && c.block == 1 {
			phases = append(phases, c.phase)
		}
	}
	return slices.Compact(phases)
}

// stageOf returns the named stage; empty if there is none.
func stageOf(snap status.Snapshot, name string) (s status.Stage) {
	for _, s := range snap.Stages {
		if s.Name == name {
			return s
		}
	}
	return s
}

// TestTimeToProverStart measures, for one real block, the time from the witness on disk to
// the begin of the proof: with the gate before the builder, beside it, and confirming. It
// checks the order of the stages and prints the times.
func TestTimeToProverStart(t *testing.T) {
	chain, err := ethnodetest.Recorded(shared(t, "data", "mainnet", "24647140"), 1)
	if err != nil {
		t.Fatal(err)
	}
	const number = 24647140
	n := ethnodetest.Start(t, chain)
	f := newForked(t, nil, map[string]zisktest.Scenario{"in-line": {}, "beside": {}, "confirming": {}})
	guest := zisktest.Scenario{Publics: f.committed(shared(t, "data", "mainnet", "24647140"), "--format", "g4", "--network", "mainnet")}
	for _, tool := range f.tools {
		tool.Set(t, guest)
	}
	builder := func(name, needs string) string {
		return fmt.Sprintf("  - {name: %s, plugin: builder-ethrex, needs: [%s], config: {format: g4, network: mainnet, framing: raw}}\n", name, needs)
	}
	prover := func(stage, needs, keys string) string {
		return strings.Replace(f.prover(stage, keys), "needs: [input]", "needs: ["+needs+"]", 1)
	}
	f.write(fmt.Sprintf(`
version: 1
name: start
monitor: {listen: "LISTEN"}
select: {blocks: [%d], drop_after: 0s}
stages:
  - {name: source, plugin: source-rpc, config: {endpoints: [%q], poll: 100ms}}
%s`, number, n.URL, strings.Join([]string{
		"  - {name: check, plugin: prover-stateless, needs: [source]}\n",
		builder("input", "source"), builder("late-input", "check"),
		prover("in-line", "late-input", ""), prover("beside", "input, check", ""), prover("confirming", "input", "confirm: [check],"),
	}, "")))
	f.must("run", "--blocks", "1")
	job := f.jobs(number)[0]
	at := map[string]status.JobStage{}
	for _, s := range job.Stages {
		at[s.Stage] = s
		if s.State != string(record.StageDone) {
			t.Errorf("%s is %s: %s", s.Stage, s.State, s.Error)
		}
	}
	witness := at["source"].Ended
	since := func(stage string) time.Duration { return at[stage].Started.Sub(witness) }
	if at["in-line"].Started.Before(at["late-input"].Ended) || at["late-input"].Started.Before(at["check"].Ended) {
		t.Error("the prover in line began before what stands before it")
	}
	if at["beside"].Started.Before(at["check"].Ended) || at["beside"].Started.Before(at["input"].Ended) {
		t.Error("the prover that needs gate and builder began before both were done")
	}
	if at["confirming"].Started.Before(at["input"].Ended) {
		t.Error("the prover that the gate confirms began before its input was there")
	}
	t.Logf("block %d, from the witness to the prover's start: in line %s, beside %s (%.2f of it), confirming %s (%.2f of it); gate %s, builder %s",
		number, since("in-line"), since("beside"), ratio(since("beside"), since("in-line")), since("confirming"), ratio(since("confirming"), since("in-line")),
		at["check"].Duration(), at["input"].Duration())
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
