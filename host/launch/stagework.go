package launch

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/tracing"
)

// acquire waits until the stage's plugin takes work and returns it. The caller calls
// release after its use. acquire fails if ctx ends, or with ErrStopped.
func (s *Stage) acquire(ctx context.Context) (instance, error) {
	for {
		s.mu.Lock()
		current, usable, stateChanged := s.current, s.state.usable() && !s.callsPaused, s.stateChanged
		if usable && current != nil {
			s.calls++
		}
		s.mu.Unlock()
		if usable && current != nil {
			if current.serves() {
				return current, nil
			}
			s.release() // the supervisor sees the plugin's end soon
		}
		select {
		case <-stateChanged:
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
		s.release()
	}
	return err
}

// Do runs one attempt. The call is Fetch, Build or Prove, depending on the kind of the
// stage.
func (s *Stage) Do(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	ctx, end := s.startSpan(ctx, task.Pipeline, &task.Block, "attempt", int(task.Attempt))
	result, err := withPlugin(ctx, s, func(p *Plugin) (contract.Result, error) { return p.Do(ctx, task, sink) })
	end(err)
	return result, s.recordWork(err)
}

// startSpan begins the trace span of an action of the stage for a block. The caller
// calls the returned function with the action's error at its end. There is no span if
// block is nil.
func (s *Stage) startSpan(ctx context.Context, pipeline string, block *contract.Block, action string, try int) (context.Context, func(error)) {
	if block == nil {
		return ctx, func(error) {}
	}
	return tracing.Span(tracing.OfJob(ctx, pipeline, block.JobID()), s.spec.Stage+": "+action,
		attribute.String("proofline.stage", s.spec.Stage), attribute.Int("proofline.attempt", try), attribute.Int64("proofline.block", int64(block.Number)))
}

// Verify makes a prover check its own proof.
func (s *Stage) Verify(ctx context.Context, task contract.Task, sink Sink) error {
	ctx, end := s.startSpan(ctx, task.Pipeline, &task.Block, "verify", int(task.Attempt))
	_, err := withPlugin(ctx, s, func(p *Plugin) (struct{}, error) { return struct{}{}, p.Verify(ctx, task, sink) })
	end(err)
	return err
}

// Report makes a reporter report an event.
func (s *Stage) Report(ctx context.Context, event contract.Event, sink Sink) (contract.Result, error) {
	ctx, end := s.startSpan(ctx, event.Pipeline, event.Block, "report "+string(event.Kind), int(event.Try))
	result, err := withPlugin(ctx, s, func(p *Plugin) (contract.Result, error) { return p.Report(ctx, event, sink) })
	end(err)
	return result, s.recordWork(err)
}

// Poll asks a source for new target blocks.
func (s *Stage) Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error) {
	return withPlugin(ctx, s, func(p *Plugin) (contract.PollResponse, error) { return p.Poll(ctx, request) })
}

// Resolve asks a source for blocks by number.
func (s *Stage) Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error) {
	return withPlugin(ctx, s, func(p *Plugin) ([]contract.Resolution, error) { return p.Resolve(ctx, numbers) })
}

// Health asks the plugin for its health. It fails if no plugin runs.
func (s *Stage) Health(ctx context.Context) (contract.Health, error) {
	s.mu.Lock()
	current, state := s.current, s.state
	s.mu.Unlock()
	if current == nil {
		return contract.Health{}, contract.Interrupted(fmt.Errorf("stage %q is %s: %s", state.Name, state.State, state.LastError))
	}
	return current.Health(ctx)
}

// KeepLog writes the last lines that the stage's plugins have written, with their
// times, to the file LogFile in the directory of an attempt.
func (s *Stage) KeepLog(dir string) error { return s.tail.write(dir) }

// withPlugin calls do with the stage's plugin, as soon as the plugin takes work.
func withPlugin[R any](ctx context.Context, s *Stage, do func(*Plugin) (R, error)) (R, error) {
	p, err := s.acquire(ctx)
	if err != nil {
		var none R
		return none, err
	}
	defer s.release()
	return do(p.(*Plugin))
}

// recordWork records that the plugin has done a task, if err is nil. It returns err.
func (s *Stage) recordWork(err error) error {
	if err == nil {
		s.hasWorked.Store(true)
	}
	return err
}
