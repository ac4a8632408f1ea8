package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// Sink takes the events of a work call but for the result, in order, from one
// goroutine. An error ends the call.
type Sink = func(contract.WorkEvent) error

// stream is the receiving end of a work call.
type stream = grpc.ServerStreamingClient[pluginv1.WorkEvent]

// Do runs one attempt of the plugin's kind: Fetch, Build or Prove.
func (p *Plugin) Do(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	switch p.manifest.Kind {
	case contract.KindSource:
		return p.Fetch(ctx, task, sink)
	case contract.KindBuilder:
		return p.Build(ctx, task, sink)
	case contract.KindProver:
		return p.Prove(ctx, task, sink)
	}
	return contract.Result{}, contract.Permanent(fmt.Errorf("stage %q is a %s and does no tasks", p.spec.Stage, p.manifest.Kind))
}

// Fetch has a source write a block's data.
func (p *Plugin) Fetch(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	return p.work(ctx, "fetch", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewSourceServiceClient(p.conn).Fetch(ctx, &pluginv1.FetchRequest{Task: wire.TaskToProto(task)})
	})
}

// Build has a builder make the guest input.
func (p *Plugin) Build(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	return p.work(ctx, "build", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewBuilderServiceClient(p.conn).Build(ctx, &pluginv1.BuildRequest{Task: wire.TaskToProto(task)})
	})
}

// Prove has a prover prove, or check, a guest input.
func (p *Plugin) Prove(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	return p.work(ctx, "prove", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewProverServiceClient(p.conn).Prove(ctx, &pluginv1.ProveRequest{Task: wire.TaskToProto(task)})
	})
}

// Verify has a prover check its own proof. The task's inputs are those of the
// attempt and its outputs.
func (p *Plugin) Verify(ctx context.Context, task contract.Task, sink Sink) error {
	_, err := p.work(ctx, "verify", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewProverServiceClient(p.conn).Verify(ctx, &pluginv1.VerifyRequest{Task: wire.TaskToProto(task)})
	})
	return err
}

// Report has a reporter tell of an event.
func (p *Plugin) Report(ctx context.Context, event contract.Event, sink Sink) (contract.Result, error) {
	return p.work(ctx, "report", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewReporterServiceClient(p.conn).Report(ctx, &pluginv1.ReportRequest{Event: wire.EventToProto(event)})
	})
}

// received is one message of a stream, or its end.
type received struct {
	event contract.WorkEvent
	err   error
}

// work runs one work call. It returns when the handler has: with its result,
// its error, or, after ctx has ended or the sink has failed, once the plugin
// has let go of it. A handler that does not let go within the grace period, and
// one that falls silent, costs the plugin its process.
func (p *Plugin) work(ctx context.Context, name string, sink Sink, open func(context.Context) (stream, error)) (contract.Result, error) {
	p.working.Add(1)
	joined, end := p.joined(ctx)
	events := make(chan received)
	var receiver sync.WaitGroup
	receiver.Go(func() { p.receive(joined, open, events) })
	result, err := p.follow(joined, name, sink, events)
	end()
	receiver.Wait()
	p.working.Add(-1)
	if cut, ok := errors.AsType[*cutOff](err); ok {
		p.awaitHandlers(name)
		return result, cut.err
	}
	return result, err
}

// cutOff is the error of a call whose handler may still run.
type cutOff struct{ err error }

func (c *cutOff) Error() string { return c.err.Error() }

// follow takes the messages of a call until it ends; ctx ends with the plugin
// too.
func (p *Plugin) follow(ctx context.Context, name string, sink Sink, events <-chan received) (contract.Result, error) {
	var result *contract.Result
	last := p.clock.now()
	silence := time.NewTimer(p.spec.HeartbeatTimeout)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			p.tellRequeued(ctx)
			return contract.Result{}, &cutOff{contract.Interrupted(context.Cause(ctx))}
		case <-silence.C:
			if quiet := p.clock.now() - last; quiet < p.spec.HeartbeatTimeout { // the host itself stood still
				silence.Reset(p.spec.HeartbeatTimeout - quiet)
				continue
			}
			err := fmt.Errorf("plugin %s of stage %q hangs: no sign of life from %s for %v",
				p.spec.Binary.Name, p.spec.Stage, name, p.spec.HeartbeatTimeout)
			p.condemn(err)
			return contract.Result{}, contract.Interrupted(err)
		case r := <-events:
			switch {
			case errors.Is(r.err, io.EOF) && result != nil:
				return *result, nil
			case errors.Is(r.err, io.EOF):
				return contract.Result{}, p.malformed(fmt.Errorf("%s ended without a result", name))
			case r.err != nil && ctx.Err() != nil:
				p.tellRequeued(ctx)
				return contract.Result{}, &cutOff{contract.Interrupted(context.Cause(ctx))}
			case r.err != nil:
				return contract.Result{}, r.err
			case result != nil:
				return contract.Result{}, &cutOff{p.malformed(fmt.Errorf("%s went on after its result", name))}
			case r.event.Result != nil:
				result = r.event.Result
			case sink != nil:
				if err := sink(r.event); err != nil {
					return contract.Result{}, &cutOff{err}
				}
			}
			last = p.clock.now()
			silence.Reset(p.spec.HeartbeatTimeout)
		}
	}
}

// tellRequeued lets the plugin know, right behind the cancellation, that the work
// will be given out again: by draining it, since the host ends too.
func (p *Plugin) tellRequeued(ctx context.Context) {
	if !errors.Is(context.Cause(ctx), contract.ErrRequeued) {
		return
	}
	brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
	defer cancel()
	_, _ = p.Drain(brief) // it need not be over; the order has arrived
}

// receive opens the stream and passes on its messages until ctx ends.
func (p *Plugin) receive(ctx context.Context, open func(context.Context) (stream, error), events chan<- received) {
	pass := func(r received) bool {
		select {
		case events <- r:
			return true
		case <-ctx.Done():
			return false
		}
	}
	from, err := open(ctx)
	if err != nil {
		pass(received{err: p.explain(ctx, err)})
		return
	}
	for {
		message, err := from.Recv()
		if errors.Is(err, io.EOF) {
			pass(received{err: io.EOF})
			return
		}
		if err != nil {
			pass(received{err: p.explain(ctx, err)})
			return
		}
		p.sign()
		event, err := wire.WorkEventFromProto(message)
		if err != nil {
			pass(received{err: &cutOff{p.malformed(err)}})
			return
		}
		if !pass(received{event: event}) {
			return
		}
	}
}
