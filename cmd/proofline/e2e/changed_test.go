package e2e

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
)

// stopInTheMiddle stops the host while each of the named provers hangs at a block. The
// running attempts are interrupted and queued again.
func (f *forked) stopInTheMiddle(p *process, stages ...string) {
	f.t.Helper()
	f.until(p, "every prover hangs", func(snap status.Snapshot) bool {
		return !slices.ContainsFunc(stages, func(stage string) bool {
			s := stageOf(snap, stage)
			return len(s.Running) != 1 || s.Running[0].Phase != "GENERATING_PROOFS" || len(f.atWork(stage)) != 1
		})
	})
	p.signal(syscall.SIGINT)
	eventually(f.t, "the host is stopping", func() bool { return strings.Contains(p.log.String(), "stopping") })
	p.signal(syscall.SIGINT)
	p.wait()
	eventually(f.t, "every process is gone", func() bool { return len(f.strays(f.t)) == 0 })
}

// completed returns for each job how many complete proofs of it a double has made.
func (f *forked) completed(stage string) map[string]int {
	times := map[string]int{}
	for _, c := range f.tools[stage].Calls() {
		if found := attempts.FindStringSubmatch(strings.Join(c.Args, " ")); c.Args[0] == "prove" && !c.End.IsZero() && found != nil {
			times[found[1]]++
		}
	}
	return times
}

// attempts finds the job in a path of an attempt.
var attempts = regexp.MustCompile(`/attempts/([^/]+)/`)

// TestSwappedRoles: the shadow of the first run is the main prover of the second. No block
// is lost, no prover proves a block twice, and interrupted blocks are finished.
func TestSwappedRoles(t *testing.T) {
	t.Parallel()
	const blocks = 8
	n := hoodi(t, 4)
	f := newForked(t, nil, map[string]zisktest.Scenario{"prove": {Version: "0.14.0"}, "next": {Version: "0.15.0"}})
	f.pipeline(n.URL, 1, gate(t, "check", nil),
		f.prover("prove", "confirm: [check],"), f.prover("next", "shadow: true,"), reporter("ethproofs", "prove", 1))
	first := f.start("run")
	f.until(first, "the first blocks are proved by both", func(snap status.Snapshot) bool {
		return snap.Head == 4 && snap.Counts.Active == 0 && reported(snap)
	})
	f.hang("prove")
	f.hang("next")
	n.Chain.Extend(blocks - 4)
	f.stopInTheMiddle(first, "prove", "next")
	if got := proved(t, f, 1); !slices.Equal(got, numbers(1, 4)) {
		t.Fatalf("the first run has reported %v", got)
	}

	f.tools["prove"].Set(t, zisktest.Scenario{Version: "0.14.0"})
	f.tools["next"].Set(t, zisktest.Scenario{Version: "0.15.0"})
	f.pipeline(n.URL, 1, gate(t, "check", nil),
		f.prover("next", "confirm: [check],"), f.prover("prove", "shadow: true,"), reporter("ethproofs", "next", 1))
	second := f.start("run")
	f.until(second, "every block is done by both, and reported", func(snap status.Snapshot) bool {
		return snap.Head == blocks && snap.Counts.Active == 0 && reported(snap)
	})
	second.signal(syscall.SIGINT)
	if code := second.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"stage prove is a shadow now", "stage next is no shadow any more"} {
		if !strings.Contains(second.log.String(), want) {
			t.Errorf("the log of the second run does not say %q", want)
		}
	}
	states := f.audit(f.server)
	if len(states[status.JobDone]) != blocks {
		t.Errorf("%d of %d blocks are done", len(states[status.JobDone]), blocks)
	}
	if got := proved(t, f, 1); !slices.Equal(got, numbers(1, blocks)) {
		t.Errorf("the cluster has proofs of %v", got)
	}
	for _, stage := range []string{"prove", "next"} {
		made := f.completed(stage)
		for _, j := range states[status.JobDone] {
			if r := j.Stages[stage]; r.State != record.StageDone || made[j.ID] != 1 {
				t.Errorf("block %d: %s is %s, its tool has proved it %d times", j.Block.Number, stage, r.State, made[j.ID])
			}
		}
	}
}

// TestChangedStages: between two runs the gate gets another name, one prover is removed and
// a shadow is added. The log has these changes. Nothing is lost, and no result that is
// still valid is made again.
func TestChangedStages(t *testing.T) {
	t.Parallel()
	const blocks = 3
	n := hoodi(t, blocks)
	f := newForked(t, nil, map[string]zisktest.Scenario{
		"prove": {Version: "0.14.0", Fail: "hang"}, "other": {Version: "0.15.0", Fail: "hang"}, "next": {Version: "0.15.0"},
	})
	f.pipeline(n.URL, 1, gate(t, "check", nil),
		f.prover("prove", "confirm: [check],"), f.prover("other", "confirm: [check],"),
		reporter("ethproofs", "prove", 1), reporter("second", "other", 2))
	first := f.start("run")
	f.until(first, "every block is at the provers", func(snap status.Snapshot) bool {
		return snap.Head == blocks && stageOf(snap, "prove").QueueLength == blocks-1 && stageOf(snap, "other").QueueLength == blocks-1
	})
	f.stopInTheMiddle(first, "prove", "other")
	fetched := n.Calls("debug_executionWitness")

	f.tools["prove"].Set(t, zisktest.Scenario{Version: "0.14.0"})
	f.pipeline(n.URL, 1, gate(t, "verdict", nil),
		f.prover("prove", "confirm: [verdict],"), f.prover("next", "shadow: true,"), reporter("ethproofs", "prove", 1))
	second := f.start("run")
	f.until(second, "every block is done, and reported", func(snap status.Snapshot) bool {
		return snap.Head == blocks && snap.Counts.Active == 0 && reported(snap)
	})
	second.signal(syscall.SIGINT)
	if code := second.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{
		"stage other is gone from the file", "stage verdict is new in the file", "stage next is new in the file",
	} {
		if !slices.ContainsFunc(strings.Split(second.log.String(), "\n"), func(line string) bool {
			return strings.Contains(line, "the pipeline has changed since the last run") && strings.Contains(line, want) && strings.Contains(line, "blocks=3")
		}) {
			t.Errorf("the log of the second run does not say %q of three blocks", want)
		}
	}
	states := f.audit(f.server)
	if len(states[status.JobDone]) != blocks {
		t.Errorf("%d of %d blocks are done", len(states[status.JobDone]), blocks)
	}
	if got := proved(t, f, 1); !slices.Equal(got, numbers(1, blocks)) {
		t.Errorf("the cluster has proofs of %v", got)
	}
	if got := proved(t, f, 2); len(got) > 0 {
		t.Errorf("the cluster of the removed prover has proofs of %v", got)
	}
	if again := n.Calls("debug_executionWitness"); again != fetched {
		t.Errorf("witnesses were fetched %d times in the first run and %d times after it", fetched, again-fetched)
	}
	made := f.completed("prove")
	for _, j := range states[status.JobDone] {
		if j.Stages["input"].Attempt != 1 || made[j.ID] != 1 || j.Stages["next"].State != record.StageDone || j.Stages["other"].State != record.StageRemoved {
			t.Errorf("block %d: input attempt %d, proved %d times; next is %s, other %s",
				j.Block.Number, j.Stages["input"].Attempt, made[j.ID], j.Stages["next"].State, j.Stages["other"].State)
		}
	}
}

// hang makes a prover hang at every proof that it begins from now on.
func (f *forked) hang(stage string) {
	f.t.Helper()
	scenario := f.scenarios[stage]
	scenario.Fail = "hang"
	f.tools[stage].Set(f.t, scenario)
}
