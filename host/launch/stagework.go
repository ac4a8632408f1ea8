package launch

import (
	"context"
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
)

// acquire waits until the stage's plugin takes work and returns it; the caller calls
// leave when it has done with it. It fails when ctx ends, or with ErrStopped.
func (s *Stage) acquire(ctx context.Context) (instance, error) {
	for {
		s.mu.Lock()
		current, usable, turned := s.current, s.state.usable() && !s.held, s.turned
		if usable && current != nil {
			s.calls++
		}
		s.mu.Unlock()
		if usable && current != nil {
			if current.serves() {
				return current, nil
			}
			s.leave() // the supervisor sees its end in a moment
		}
		select {
		case <-turned:
		case <-s.done:
			return nil, contract.Interrupted(ErrStopped)
		case <-ctx.Done():
			return nil, contract.Interrupted(context.Cause(ctx))
		}
	}
}

// Ready waits until the plugin takes work.
func (s *Stage) Ready(ctx context.Context) error {
	_, err := s.acquire(ctx)
	if err == nil {
		s.leave()
	}
	return err
}

// Do runs one attempt: Fetch, Build or Prove, by the kind of the stage.
func (s *Stage) Do(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	result, err := with(ctx, s, func(p *Plugin) (contract.Result, error) { return p.Do(ctx, task, sink) })
	return result, s.noted(err)
}

// Verify has a prover check its own proof.
func (s *Stage) Verify(ctx context.Context, task contract.Task, sink Sink) error {
	_, err := with(ctx, s, func(p *Plugin) (struct{}, error) { return struct{}{}, p.Verify(ctx, task, sink) })
	return err
}

// Report has a reporter tell of an event.
func (s *Stage) Report(ctx context.Context, event contract.Event, sink Sink) (contract.Result, error) {
	result, err := with(ctx, s, func(p *Plugin) (contract.Result, error) { return p.Report(ctx, event, sink) })
	return result, s.noted(err)
}

// Poll asks a source for new target blocks.
func (s *Stage) Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error) {
	return with(ctx, s, func(p *Plugin) (contract.PollResponse, error) { return p.Poll(ctx, request) })
}

// Resolve asks a source for blocks by number.
func (s *Stage) Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error) {
	return with(ctx, s, func(p *Plugin) ([]contract.Resolution, error) { return p.Resolve(ctx, numbers) })
}

// Health asks the plugin for its own view of itself, if one is up.
func (s *Stage) Health(ctx context.Context) (contract.Health, error) {
	s.mu.Lock()
	current, state := s.current, s.state
	s.mu.Unlock()
	if current == nil {
		return contract.Health{}, contract.Interrupted(fmt.Errorf("stage %q is %s: %s", state.Name, state.State, state.LastError))
	}
	return current.Health(ctx)
}

// KeepLog writes the last lines that the stage's plugins have logged, with the
// times at which they came, to the file LogFile in the directory of an attempt.
func (s *Stage) KeepLog(dir string) error { return s.tail.write(dir) }

// with runs a call on the stage's plugin.
func with[R any](ctx context.Context, s *Stage, do func(*Plugin) (R, error)) (R, error) {
	p, err := s.acquire(ctx)
	if err != nil {
		var none R
		return none, err
	}
	defer s.leave()
	return do(p.(*Plugin))
}

// noted lets the supervisor know that the plugin has done a piece of work.
func (s *Stage) noted(err error) error {
	if err == nil {
		s.worked.Store(true)
	}
	return err
}
