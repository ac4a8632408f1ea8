package engine

import (
	"context"

	"github.com/proofline/proofline/sdk/contract"
)

// drain names the jobs that are finished before the engine ends by itself.
type drain struct {
	jobs map[string]bool // by id; nil for all jobs
}

// Drain makes the engine take in no more blocks and end, as after a limited run, once
// all its blocks are finished. With afterCurrent it waits only for the blocks that are
// being built or proved or that were announced, because an announced block without a
// proof counts against the operator. The others wait for the next run. Shadows are not
// waited for. It returns how many blocks are left to finish. A later call replaces an
// earlier one.
func (e *Engine) Drain(ctx context.Context, afterCurrent bool) (left int, err error) {
	if err := e.write.take(ctx); err != nil {
		return 0, err
	}
	defer e.write.release()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.drain == nil {
		close(e.closing)
	}
	e.drain = &drain{}
	if afterCurrent {
		e.drain.jobs = map[string]bool{}
		for id, a := range e.jobs {
			if a.current() {
				e.drain.jobs[id] = true
			}
		}
	}
	left = e.undrained()
	e.broadcast()
	return left, nil
}

// current reports whether the job is being built or proved, or was announced.
// Engine.mu must be held.
func (a *active) current() bool {
	if a.rec.State.Finished() {
		return false
	}
	for s := range a.attempts {
		if s.Kind != contract.KindSource && !s.Shadow {
			return true
		}
	}
	return a.rec.Announced()
}

// undrained counts the blocks that are left to finish before the engine ends.
// Engine.mu must be held.
func (e *Engine) undrained() (left int) {
	for id, a := range e.jobs {
		if !a.rec.State.Finished() && e.drains(id) {
			left++
		}
	}
	return left
}

// drains reports whether the job is worked on while the engine drains. Engine.mu must
// be held.
func (e *Engine) drains(id string) bool {
	return e.drain == nil || e.drain.jobs == nil || e.drain.jobs[id]
}

// settleDrain ends a draining engine when no block is left to finish. Engine.mu must
// be held.
func (e *Engine) settleDrain() {
	if e.drain != nil && e.undrained() == 0 {
		e.end()
	}
}

// feedUntilDrain returns the context in which blocks are taken in. It ends with ctx or
// when a drain begins.
func (e *Engine) feedUntilDrain(ctx context.Context) (context.Context, context.CancelFunc) {
	feeding, stop := context.WithCancel(ctx)
	go func() {
		select {
		case <-e.closing:
			stop()
		case <-feeding.Done():
		}
	}()
	return feeding, stop
}
