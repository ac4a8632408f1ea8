package engine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/host/status"
	"github.com/proofline/proofline/sdk/contract"
)

// background runs the engine until stop is called.
func (r *rig) background(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, t.Context()) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// TestApplySelection reverses the order and adds blocks by a list and by another interval,
// and checks that a running attempt is not affected.
func TestApplySelection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages = c.Stages[:2]; c.Selection.Order = selection.NewestFirst })
		var blocks []contract.Block
		for n := uint64(1); n <= 4; n++ {
			blocks = append(blocks, testBlock(n, 0))
		}
		listed := testBlock(50, 0)
		r.source.known = map[uint64]contract.Block{50: listed}
		r.source.polls = []contract.PollResponse{poll("c1", 4, blocks...)}
		r.source.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			if task.Block.Number < 4 {
				time.Sleep(time.Millisecond) // 4 comes to the builder as the first
			}
			return contract.Result{Outputs: []contract.Artifact{{Name: "source.out"}}}, nil
		}
		var mu sync.Mutex
		var built []uint64
		free := make(chan struct{})
		r.builder.do = func(ctx context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			select {
			case <-free:
			case <-ctx.Done():
				return contract.Result{}, ctx.Err()
			}
			mu.Lock()
			built = append(built, task.Block.Number)
			mu.Unlock()
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		stop := r.background(t)
		defer stop()
		time.Sleep(time.Second)
		synctest.Wait()
		next := r.Settings()
		next.Selection.Order, next.Selection.Blocks = selection.OldestFirst, []uint64{50}
		if err := r.Apply(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		close(free)
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if want := []uint64{4, 1, 2, 3, 50}; !slices.Equal(built, want) {
			t.Errorf("built in the order %v, want %v: the running block, then the oldest first", built, want)
		}
		if j := r.state(t, listed); j.State != status.JobDone || j.Stages["input"].Attempt != 1 {
			t.Errorf("%+v", j)
		}
	})
}

// TestApplyTuning gives a stage more slots, then fewer, and a shorter timeout, and checks
// that the timeout applies only to the next attempt.
func TestApplyTuning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) { c.Stages = c.Stages[:2]; c.Stages[1].Timeout = time.Hour })
		var blocks []contract.Block
		for n := uint64(1); n <= 40; n++ {
			blocks = append(blocks, testBlock(n, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c1", 40, blocks...)}
		var mu sync.Mutex
		running, most := 0, 0
		count := func(change int) {
			mu.Lock()
			defer mu.Unlock()
			running += change
			most = max(most, running)
		}
		// counted returns how many run, and the most that have since the last look.
		counted := func() (now, highest int) {
			mu.Lock()
			defer mu.Unlock()
			highest, most = most, 0
			return running, highest
		}
		r.builder.do = func(ctx context.Context, _ contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			count(1)
			defer count(-1)
			select {
			case <-time.After(10 * time.Minute):
				return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
			case <-ctx.Done():
				return contract.Result{}, ctx.Err()
			}
		}
		stop := r.background(t)
		defer stop()
		tune := func(change func(*Tuning)) {
			next := r.Settings()
			stages := map[string]Tuning{}
			for name, tuning := range next.Stages {
				if name == "input" {
					change(&tuning)
				}
				stages[name] = tuning
			}
			next.Stages = stages
			if err := r.Apply(t.Context(), next); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		if _, most := counted(); most != 1 {
			t.Fatalf("%d at once, want 1", most)
		}
		tune(func(s *Tuning) { s.Concurrency = 3 })
		time.Sleep(time.Minute)
		if running, _ := counted(); running != 3 {
			t.Errorf("%d at once with three slots", running)
		}
		tune(func(s *Tuning) { s.Concurrency = 2; s.Timeout = time.Second })
		time.Sleep(9*time.Minute + 10*time.Second) // the last that ran at the change have just ended
		for _, b := range blocks {
			if j := r.state(t, b); j.Stages["input"].Error != "" && j.Stages["input"].Started.Before(time.Now().Add(-10*time.Minute)) {
				t.Errorf("block %d: an attempt that ran at the change was ended by it: %s", b.Number, j.Stages["input"].Error)
			}
		}
		counted()
		time.Sleep(5 * time.Second)
		if _, most := counted(); most > 2 {
			t.Errorf("%d at once with two slots", most)
		}
		if err := r.Apply(t.Context(), Settings{}); err == nil {
			t.Error("settings without the stages were taken")
		}
	})
}

// TestDrain checks that a draining engine takes in no blocks and ends when its blocks are
// done.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		name         string
		afterCurrent bool
		left         int
		done         []uint64
	}{
		{"all", false, 5, []uint64{1, 2, 3, 4, 5}},
		{"after current", true, 1, []uint64{1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, newMemory(t), func(c *Config) { c.Selection.Order = selection.OldestFirst })
				var blocks []contract.Block
				for n := uint64(1); n <= 5; n++ {
					blocks = append(blocks, testBlock(n, 0))
				}
				r.source.polls = []contract.PollResponse{poll("c1", 5, blocks...)}
				r.source.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
					if task.Block.Number > 1 {
						time.Sleep(time.Millisecond) // 1 comes to the builder as the first
					}
					return contract.Result{Outputs: []contract.Artifact{{Name: "source.out"}}}, nil
				}
				r.builder.do = func(context.Context, contract.Task, func(contract.WorkEvent) error) (contract.Result, error) {
					time.Sleep(time.Minute)
					return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
				}
				r.proof.do = proving
				ended := make(chan error, 1)
				go func() { ended <- r.Run(t.Context(), t.Context()) }()
				time.Sleep(time.Second)
				left, err := r.Drain(t.Context(), c.afterCurrent)
				if err != nil || left != c.left {
					t.Errorf("%d are left, want %d: %v", left, c.left, err)
				}
				r.source.mu.Lock()
				r.source.polls = append(r.source.polls, poll("c2", 6, testBlock(6, 0)))
				r.source.mu.Unlock()
				if !r.Snapshot().Draining {
					t.Error("the snapshot does not tell of it")
				}
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
				var done []uint64
				for _, b := range blocks {
					if r.state(t, b).State == status.JobDone {
						done = append(done, b.Number)
					}
				}
				if !slices.Equal(done, c.done) {
					t.Errorf("done are %v, want %v", done, c.done)
				}
				if _, err := r.store.Job(testBlock(6, 0).JobID()); err == nil {
					t.Error("a block was taken in while the engine drained")
				}
			})
		})
	}
}

// TestDrainPassesThoseThatStay checks that blocks which wait for the next run do not delay
// those that are finished in this one.
func TestDrainPassesThoseThatStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), func(c *Config) {
			c.Selection.Order = selection.OldestFirst
			c.Stages[1].Concurrency = 4
		})
		var blocks []contract.Block
		for n := uint64(1); n <= 4; n++ {
			blocks = append(blocks, testBlock(n, 0))
		}
		r.source.polls = []contract.PollResponse{poll("c1", 4, blocks...)}
		r.builder.do = func(_ context.Context, task contract.Task, _ func(contract.WorkEvent) error) (contract.Result, error) {
			switch task.Block.Number {
			case 2, 3:
				time.Sleep(time.Second) // 1 comes to the prover as the first
			case 4:
				time.Sleep(time.Minute)
			}
			return contract.Result{Outputs: []contract.Artifact{{Name: "input.bin"}}}, nil
		}
		r.proof.do = func(ctx context.Context, task contract.Task, sink func(contract.WorkEvent) error) (contract.Result, error) {
			time.Sleep(10 * time.Minute)
			return proving(ctx, task, sink)
		}
		ended := make(chan error, 1)
		go func() { ended <- r.Run(t.Context(), t.Context()) }()
		time.Sleep(10 * time.Second) // 1 is proved, 2 and 3 wait for that, and 4 is built
		if left, err := r.Drain(t.Context(), true); left != 2 || err != nil {
			t.Fatalf("%d blocks are left: %v", left, err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Hour):
			t.Fatal("the engine goes on after an hour")
		}
		for i, want := range []status.JobState{status.JobDone, status.JobWaiting, status.JobWaiting, status.JobDone} {
			if j := r.state(t, blocks[i]); j.State != want {
				t.Errorf("block %d is %s, want %s", i+1, j.State, want)
			}
		}
	})
}

// TestDrainIdle checks that an engine without work ends at once.
func TestDrainIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newMemory(t), nil)
		ended := make(chan error, 1)
		go func() { ended <- r.Run(t.Context(), t.Context()) }()
		synctest.Wait()
		if left, err := r.Drain(t.Context(), false); left != 0 || err != nil {
			t.Errorf("%d, %v", left, err)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}
