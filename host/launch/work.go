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

// Sink receives the events of a work call except for the result, in order, from one
// goroutine. If it returns an error, the call ends.
type Sink = func(contract.WorkEvent) error

// stream is the receiving end of a work call.
type stream = grpc.ServerStreamingClient[pluginv1.WorkEvent]

// Do runs one attempt. The call is Fetch, Build or Prove, depending on the plugin's
// kind.
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

// Fetch makes a source write a block's data.
func (p *Plugin) Fetch(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	return p.work(ctx, "fetch", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewSourceServiceClient(p.conn).Fetch(ctx, &pluginv1.FetchRequest{Task: wire.TaskToProto(task)})
	})
}

// Build makes a builder write the guest input.
func (p *Plugin) Build(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	return p.work(ctx, "build", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewBuilderServiceClient(p.conn).Build(ctx, &pluginv1.BuildRequest{Task: wire.TaskToProto(task)})
	})
}

// Prove makes a prover prove or check a guest input.
func (p *Plugin) Prove(ctx context.Context, task contract.Task, sink Sink) (contract.Result, error) {
	return p.work(ctx, "prove", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewProverServiceClient(p.conn).Prove(ctx, &pluginv1.ProveRequest{Task: wire.TaskToProto(task)})
	})
}

// Verify makes a prover check its own proof. The task's inputs are the inputs and the
// outputs of the attempt.
func (p *Plugin) Verify(ctx context.Context, task contract.Task, sink Sink) error {
	_, err := p.work(ctx, "verify", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewProverServiceClient(p.conn).Verify(ctx, &pluginv1.VerifyRequest{Task: wire.TaskToProto(task)})
	})
	return err
}

// Report makes a reporter report an event.
func (p *Plugin) Report(ctx context.Context, event contract.Event, sink Sink) (contract.Result, error) {
	return p.work(ctx, "report", sink, func(ctx context.Context) (stream, error) {
		return pluginv1.NewReporterServiceClient(p.conn).Report(ctx, &pluginv1.ReportRequest{Event: wire.EventToProto(event)})
	})
}

// streamMessage is one event of a work call, or the error that ended its stream.
type streamMessage struct {
	event contract.WorkEvent
	err   error
}

// work runs one work call. It returns when the plugin's handler has returned, with its
// result or its error. After the end of ctx, or an error of the sink, it waits until
// the handler has ended. If the handler does not end within the grace period, or if it
// is silent for too long, the plugin's process is stopped.
func (p *Plugin) work(ctx context.Context, name string, sink Sink, open func(context.Context) (stream, error)) (contract.Result, error) {
	p.workCalls.Add(1)
	joined, end := p.withPluginLife(ctx)
	events := make(chan streamMessage)
	var receiver sync.WaitGroup
	receiver.Go(func() { p.receive(joined, open, events) })
	result, err := p.consume(joined, name, sink, events)
	end()
	receiver.Wait()
	p.workCalls.Add(-1)
	if abandoned, ok := errors.AsType[*abandonedCall](err); ok {
		p.awaitHandlers(name)
		return result, abandoned.err
	}
	return result, err
}

// abandonedCall is the error of a call whose handler may still run.
type abandonedCall struct{ err error }

func (c *abandonedCall) Error() string { return c.err.Error() }

// consume processes the messages of a call until the call ends. ctx must end with the
// plugin, too.
func (p *Plugin) consume(ctx context.Context, name string, sink Sink, events <-chan streamMessage) (contract.Result, error) {
	var result *contract.Result
	last := p.clock.now()
	silence := time.NewTimer(p.spec.HeartbeatTimeout)
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			p.announceRequeue(ctx)
			return contract.Result{}, &abandonedCall{contract.Interrupted(context.Cause(ctx))}
		case <-silence.C:
			if silent := p.clock.now() - last; silent < p.spec.HeartbeatTimeout { // the host itself stood still
				silence.Reset(p.spec.HeartbeatTimeout - silent)
				continue
			}
			err := fmt.Errorf("plugin %s of stage %q hangs: no sign of life from %s for %v",
				p.spec.Binary.Name, p.spec.Stage, name, p.spec.HeartbeatTimeout)
			p.stopHung(err)
			return contract.Result{}, contract.Interrupted(err)
		case r := <-events:
			switch {
			case errors.Is(r.err, io.EOF) && result != nil:
				return *result, nil
			case errors.Is(r.err, io.EOF):
				return contract.Result{}, p.protocolError(fmt.Errorf("%s ended without a result", name))
			case r.err != nil && ctx.Err() != nil:
				p.announceRequeue(ctx)
				return contract.Result{}, &abandonedCall{contract.Interrupted(context.Cause(ctx))}
			case r.err != nil:
				return contract.Result{}, r.err
			case result != nil:
				return contract.Result{}, &abandonedCall{p.protocolError(fmt.Errorf("%s went on after its result", name))}
			case r.event.Result != nil:
				result = r.event.Result
			case sink != nil:
				if err := sink(r.event); err != nil {
					return contract.Result{}, &abandonedCall{err}
				}
			}
			last = p.clock.now()
			silence.Reset(p.spec.HeartbeatTimeout)
		}
	}
}

// announceRequeue drains the plugin if the call was cancelled because the host ends and
// the work is requeued. The plugin learns from the drain that the work will be repeated.
func (p *Plugin) announceRequeue(ctx context.Context) {
	if !errors.Is(context.Cause(ctx), contract.ErrRequeued) {
		return
	}
	brief, cancel := context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
	defer cancel()
	_, _ = p.Drain(brief) // the plugin has received the request even if it has not ended
}

// receive opens the stream and sends its messages to events, until the stream or ctx
// ends.
func (p *Plugin) receive(ctx context.Context, open func(context.Context) (stream, error), events chan<- streamMessage) {
	pass := func(r streamMessage) bool {
		select {
		case events <- r:
			return true
		case <-ctx.Done():
			return false
		}
	}
	from, err := open(ctx)
	if err != nil {
		pass(streamMessage{err: p.explain(ctx, err)})
		return
	}
	for {
		message, err := from.Recv()
		if errors.Is(err, io.EOF) {
			pass(streamMessage{err: io.EOF})
			return
		}
		if err != nil {
			pass(streamMessage{err: p.explain(ctx, err)})
			return
		}
		p.recordSign()
		event, err := wire.WorkEventFromProto(message)
		if err != nil {
			pass(streamMessage{err: &abandonedCall{p.protocolError(err)}})
			return
		}
		if !pass(streamMessage{event: event}) {
			return
		}
	}
}
