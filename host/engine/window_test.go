package engine

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/record"
	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// fork makes the rig's builder and prover take the blocks before 3 and adds others for the
// blocks from 3 on. The gate takes all blocks.
func fork(input, prove *worker) func(*Config) {
	return func(c *Config) {
		until, from := selection.Window{Until: selection.Edge{Number: 3}}, selection.Window{From: selection.Edge{Number: 3}}
		c.Stages[1].Blocks, c.Stages[3].Blocks = until, until
		c.Stages[2].Needs, c.Stages[3].Needs, c.Stages[3].Confirm = []string{"source"}, []string{"input"}, []string{"check"}
		i, p := c.Stages[1], c.Stages[3]
		i.Name, i.Worker, i.Fingerprint, i.Blocks = "input2", input, "b2", from
		p.Name, p.Worker, p.Fingerprint, p.Needs, p.Blocks = "prove2", prove, "p2", []string{"input2"}, from
		c.Stages = append(c.Stages, i, p)
	}
}

func TestStagesTakeTheBlocksOfTheirWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &worker{do: func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			if len(task.Inputs) == 0 || !slices.ContainsFunc(task.Inputs, func(a contract.Artifact) bool { return a.Name == "input2.out" }) ||
				slices.ContainsFunc(task.Inputs, func(a contract.Artifact) bool { return a.Name == "input.out" }) {
				t.Errorf("the second prover gets %v", task.Inputs)
			}
			return proving(ctx, task, sink)
		}}
		r := newRig(t, newMemory(t), fork(&worker{}, second))
		var blocks []contract.Block
		for n := range uint64(4) {
			blocks = append(blocks, testBlock(n+1, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c", 4, blocks...)}
		r.proof.do = proving
		r.run(t, time.Minute)
		for _, b := range blocks {
			j := r.state(t, b)
			took, passed := []string{"input", "prove"}, []string{"input2", "prove2"}
			if b.Number >= 3 {
				took, passed = passed, took
			}
			for _, name := range took {
				if j.Stages[name].State != record.StageDone {
					t.Errorf("block %d: %s is %s", b.Number, name, j.Stages[name].State)
				}
			}
			for _, name := range passed {
				if s := j.Stages[name]; s.State != record.StageSkipped || s.Error != "the stage takes other blocks" || s.Attempt != 0 {
					t.Errorf("block %d: %s is %s, %q, after %d attempts", b.Number, name, s.State, s.Error, s.Attempt)
				}
			}
			if j.State != status.JobDone || !slices.Contains(r.files.published[Folder(b, false)], "proof.bin") {
				t.Errorf("block %d: %s, published %v", b.Number, j.State, r.files.published)
			}
		}
		var told int
		for _, kind := range r.store.told("reporter") {
			if kind == contract.EventProved {
				told++
			}
		}
		if told != 4 {
			t.Errorf("%d proofs were announced, want 4", told)
		}
	})
}

// TestWindowsOfOpenAndFailedJobs checks that blocks which failed before the file had the
// windows of a fork are proved afterwards, and that work that is done stays.
func TestWindowsOfOpenAndFailedJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory(t)
		// A shadow that hangs keeps the failed job open over the restart.
		shadow := StageConfig{Name: "shadow", Kind: contract.KindBuilder, Shadow: true, Needs: []string{"source"}, Fingerprint: "sh", Worker: &worker{
			do: func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
				<-ctx.Done()
				return contract.Result{}, ctx.Err()
			}}}
		r := newRig(t, store, func(c *Config) {
			fork(&worker{}, &worker{})(c)
			c.Stages = append(c.Stages[:4:4], shadow)
			c.Stages[1].Blocks, c.Stages[3].Blocks = selection.Window{}, selection.Window{}
		})
		old, failed := testBlock(2, 0), testBlock(3, 0)
		r.source.polls = []contract.PollResponse{poll("c", 3, old, failed)}
		r.builder.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Block.Number == 3 {
				return contract.Result{}, contract.Permanent(errBroken)
			}
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.out"}}}, nil
		}
		r.proof.do = proving
		r.run(t, time.Minute)
		if j := r.state(t, failed); j.State != status.JobFailed {
			t.Fatalf("block 3: %s", j.State)
		}

		again := newRig(t, store, func(c *Config) {
			fork(&worker{}, &worker{do: proving})(c)
			c.Stages = append(c.Stages, shadow)
		})
		stop := again.start(t)
		if err := again.Retry(t.Context(), RetryRequest{Job: failed.JobID()}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		j := again.state(t, failed)
		if j.State != status.JobDone || j.Stages["input"].State != record.StageSkipped || j.Stages["prove2"].State != record.StageDone {
			t.Errorf("block 3: %s, input %s, prove2 %s", j.State, j.Stages["input"].State, j.Stages["prove2"].State)
		}
		if j := again.state(t, old); j.State != status.JobDone || j.Stages["prove"].State != record.StageDone {
			t.Errorf("block 2: %s, prove %s", j.State, j.Stages["prove"].State)
		}
	})
}
