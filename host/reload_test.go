package host

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/proofline/proofline/host/change"
	"github.com/proofline/proofline/host/control"
	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// editable is a rig whose pipeline file a test can rewrite.
type editable struct {
	*rig
	mu   sync.Mutex
	text string
}

func (e *editable) write(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = text
}

func (e *editable) load(context.Context) (*pipeline.Pipeline, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.parse(e.text)
}

// names returns the names of differences.
func names(differences []change.Difference) string {
	var all []string
	for _, d := range differences {
		all = append(all, d.Name())
	}
	return strings.Join(all, " ")
}

// TestReloadUnderLoad reloads a file while blocks go through the pipeline (20 times and 40
// blocks; with PROOFLINE_LONG 100 times and 200). Each time the order of the selection, the
// limits and the configuration of the source change, whose plugin is restarted, and a
// reporter is added or removed. Every block must be done with one attempt of each stage, and
// the other reporter must get each phase once, in order.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	blocks, reloads, held := uint64(40), 20, "30"
	if os.Getenv("PROOFLINE_LONG") != "" {
		blocks, reloads, held = 200, 100, "150"
	}
	file := func(i int) string {
		order, second := "oldest_first", ""
		if i%2 == 1 {
			order = "newest_first"
			second = "  - {name: second, plugin: reporter-test, config: {CONFIG}}\n"
		}
		return fmt.Sprintf(`
select: {from: 1, to: %d, repair: 0, order: %s}
stages:
  - {name: source, plugin: source-test, concurrency: %d, config: {CONFIG, hours: %d}}
  - {name: input, plugin: builder-test, timeout: %dm, config: {CONFIG}}
  - {name: prove, plugin: prover-test, concurrency: %d, retry: {max: %d}, config: {CONFIG, token: hunter2}}
  - {name: first, plugin: reporter-test, concurrency: %d, config: {CONFIG}}
%s`, blocks, order, 1+i%3, i%5, 10+i, 1+i%2, i%4, 1+i%8, second)
	}
	e := &editable{rig: newRig(t, file(0))}
	run := e.start(Options{Limit: int(blocks), Reload: e.load})
	c := run.client()
	e.order("prove", held, "hold") // so that blocks are at work to the end
	plugin, added, removed := 0, 0, 0
	for i := 1; i <= reloads; i++ {
		e.write(file(i))
		r, err := c.Reload(t.Context())
		if err != nil {
			t.Fatalf("reload %d: %v", i, err)
		}
		if len(r.Restart)+len(r.Failed) > 0 {
			t.Fatalf("reload %d: needs a restart %v, failed %v", i, r.Restart, r.Failed)
		}
		for _, d := range r.Applied {
			switch {
			case d.Action == change.Plugin:
				plugin++
			case d.Stage == "second" && d.Path == "" && d.Old == "":
				added++
			case d.Stage == "second" && d.Path == "":
				removed++
			}
		}
	}
	e.release("prove", held)
	outcome, err := run.wait()
	if err != nil {
		t.Fatal(err)
	}
	if plugin != reloads || added != reloads/2 || removed != reloads/2 {
		t.Errorf("%d restarts of the source, %d and %d reporters more and less; want %d, %d, %d", plugin, added, removed, reloads, reloads/2, reloads/2)
	}
	e.wantGone()
	if len(outcome.Finished) != int(blocks) {
		t.Fatalf("%d blocks, want %d", len(outcome.Finished), blocks)
	}
	seen := map[uint64]bool{}
	for _, j := range outcome.Finished {
		if seen[j.Block.Number] || j.State != status.JobDone {
			t.Errorf("block %d is %s: %s", j.Block.Number, j.State, j.Reason)
		}
		seen[j.Block.Number] = true
		for _, s := range j.Stages {
			if s.Attempt != 1 {
				t.Errorf("block %d, stage %s: %d attempts", j.Block.Number, s.Stage, s.Attempt)
			}
		}
	}
	phases := map[uint64]string{}
	for _, h := range e.heard("first") {
		if h.Kind.IsPhase() {
			phases[h.Number] += string(h.Kind) + " "
		}
	}
	for n := uint64(1); n <= blocks; n++ {
		// Phases that a later one has overtaken are not sent; none comes twice.
		if p := phases[n]; strings.Count(p, "proved") != 1 || strings.Count(p, "queued") > 1 || strings.Count(p, "proving") > 1 || !strings.HasSuffix(p, "proved ") {
			t.Errorf("block %d: the reporter heard %q", n, p)
		}
	}
	if opened := len(e.noted("source", "opened")); opened != reloads+1 {
		t.Errorf("the source was configured %d times, want %d", opened, reloads+1)
	}
}

// TestReloadResult checks the result of a reload: after a change that applies at once, a
// change that needs a restart, a plugin that does not start, a file with errors, and no
// change.
func TestReloadResult(t *testing.T) {
	t.Parallel()
	const before = `
select: {blocks: [1], repair: 0}
stages:
  - {name: source, plugin: source-test, config: {CONFIG}}
  - {name: input, plugin: builder-test, config: {CONFIG}}
  - {name: prove, plugin: prover-test, config: {CONFIG, token: hunter2}}
`
	e := &editable{rig: newRig(t, before)}
	run := e.start(Options{Reload: e.load})
	c := run.client()
	reload := func(text string) (control.Reloaded, error) {
		t.Helper()
		e.write(text)
		return c.Reload(t.Context())
	}
	if r, err := reload(before); err != nil || len(r.Applied)+len(r.Restart)+len(r.Failed) > 0 {
		t.Errorf("nothing has changed, but %+v, %v", r, err)
	}
	if _, err := reload(strings.Replace(before, "repair: 0", "repair: 0, every: 10, from: 900000", 1)); err != nil {
		t.Fatal(err)
	}
	if rec, err := c.ScoreRecord(t.Context()); err != nil || rec.Targets.Every != 10 {
		t.Errorf("the record of a score is of every %d, want 10 after the reload: %v", rec.Targets.Every, err)
	}
	if _, err := reload(before); err != nil {
		t.Fatal(err)
	}
	r, err := reload(strings.Replace(before, "hunter2", "hunter3", 1))
	if err != nil || names(r.Restart) != "stages.prove.config.token" || len(r.Applied) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if text := fmt.Sprint(r); strings.Contains(text, "hunter") {
		t.Errorf("a secret is shown: %s", text)
	}
	if _, err := reload("stages: []\n"); err == nil || !strings.Contains(err.Error(), "not applied") {
		t.Errorf("a file with errors: %v", err)
	}
	e.order("slack", "open", "permanent no such channel")
	r, err = reload(before + "  - {name: slack, plugin: reporter-test, config: {CONFIG}}\n")
	if err != nil || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error, "no such channel") || len(r.Applied) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	e.release("slack", "open")
	if r, err := c.Reload(t.Context()); err != nil || names(r.Applied) != "stages.slack" {
		t.Errorf("mended: %+v, %v", r, err)
	}
	e.until("the block is done", func() bool { return job(t, c, 1).State == status.JobDone })
	if _, err := c.AddBlocks(t.Context(), []uint64{2}); err != nil {
		t.Fatal(err)
	}
	e.until("the new reporter hears of the next block", func() bool {
		for _, h := range e.heard("slack") {
			if h.Number == 2 && h.Kind == contract.EventProved {
				return true
			}
		}
		return false
	})
	kept, err := change.Load(e.p.Data)
	if err != nil || len(kept.Stages) != 4 || strings.Contains(fmt.Sprint(kept), "hunter") {
		t.Errorf("kept is %+v, %v", kept, err)
	}
}

// TestDrainEndsTheRun checks that a draining host ends when the blocks are done on which it
// works. Block 1 may be proved before. It may also wait for the prover with its input made,
// and then it stays for the next run.
func TestDrainEndsTheRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, strings.Replace(whole, "to: 3", "to: 900", 1))
	r.order("prove", "2", "hold")
	run := r.start(Options{})
	c := run.client()
	r.until("block 2 is being proved", func() bool { return len(r.noted("prove", "held")) > 0 })
	left, err := c.Drain(t.Context(), true)
	if err != nil || left < 1 {
		t.Fatalf("%d blocks are left: %v", left, err)
	}
	if snap, err := c.Snapshot(t.Context()); err != nil || !snap.Draining {
		t.Errorf("draining %v, %v", snap.Draining, err)
	}
	r.release("prove", "2")
	if _, err := run.wait(); err != nil {
		t.Fatal(err)
	}
	r.wantGone()
	proved := map[uint64]bool{}
	for _, h := range r.heard("first") {
		if h.Kind == contract.EventProved {
			proved[h.Number] = true
		}
	}
	if !proved[2] || proved[900] {
		t.Errorf("told of as proved: %v; block 2 was being proved, and 900 was not begun", proved)
	}
}
