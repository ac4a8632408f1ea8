package sdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// eventStream is the sending side of every work call.
type eventStream = grpc.ServerStreamingServer[pluginv1.WorkEvent]

type sourceServer struct {
	pluginv1.UnimplementedSourceServiceServer
	*server
}

// Poll ends when draining begins, because waiting for a block is not work.
func (s sourceServer) Poll(ctx context.Context, r *pluginv1.PollRequest) (_ *pluginv1.PollResponse, err error) {
	defer s.recover("poll", &err)
	request, err := wire.PollRequestFromProto(r)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	value, ctx, done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.drained, cancel)()
	response, err := value.(Source).Poll(ctx, request)
	if err != nil {
		return nil, s.statusError(interrupted(ctx, err))
	}
	return wire.PollResponseToProto(response), nil
}

func (s sourceServer) Resolve(ctx context.Context, r *pluginv1.ResolveRequest) (_ *pluginv1.ResolveResponse, err error) {
	defer s.recover("resolve", &err)
	value, ctx, done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	resolutions, err := value.(Source).Resolve(ctx, r.GetNumbers())
	if err != nil {
		return nil, s.statusError(interrupted(ctx, err))
	}
	return wire.ResolutionsToProto(resolutions), nil
}

func (s sourceServer) Fetch(r *pluginv1.FetchRequest, stream eventStream) error {
	return s.task("fetch", r.GetTask(), stream, func(ctx context.Context, value any, t *Task) (*Result, error) {
		return value.(Source).Fetch(ctx, t)
	})
}

type builderServer struct {
	pluginv1.UnimplementedBuilderServiceServer
	*server
}

func (s builderServer) Build(r *pluginv1.BuildRequest, stream eventStream) error {
	return s.task("build", r.GetTask(), stream, func(ctx context.Context, value any, t *Task) (*Result, error) {
		return value.(Builder).Build(ctx, t)
	})
}

type proverServer struct {
	pluginv1.UnimplementedProverServiceServer
	*server
}

func (s proverServer) Prove(r *pluginv1.ProveRequest, stream eventStream) error {
	return s.task("prove", r.GetTask(), stream, func(ctx context.Context, value any, t *Task) (*Result, error) {
		return value.(Prover).Prove(ctx, t)
	})
}

func (s proverServer) Verify(r *pluginv1.VerifyRequest, stream eventStream) error {
	return s.task("verify", r.GetTask(), stream, func(ctx context.Context, value any, t *Task) (*Result, error) {
		verifier, ok := value.(Verifier)
		if !ok {
			return nil, Permanent(errors.New("this prover cannot verify"))
		}
		return nil, verifier.Verify(ctx, t)
	})
}

type reporterServer struct {
	pluginv1.UnimplementedReporterServiceServer
	*server
}

func (s reporterServer) Report(r *pluginv1.ReportRequest, stream eventStream) (err error) {
	defer s.recover("report", &err)
	value, ctx, done, err := s.beginWork(stream.Context())
	if err != nil {
		return err
	}
	defer done()
	message, err := wire.EventFromProto(r.GetEvent())
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	if !slices.Contains(s.def.manifest.Events, message.Kind) { // a later host may send kinds that this SDK does not know
		return stream.Send(wire.WorkEventToProto(contract.WorkEvent{Result: &Result{}}))
	}
	event, err := OpenEvent(message, s.log.logger, sendTo(stream))
	if err != nil {
		return s.statusError(err)
	}
	defer event.Close()
	return s.work(ctx, stream, event.emit, event.space, func(ctx context.Context) (*Result, error) {
		return value.(Reporter).Report(ctx, event)
	})
}

// task runs the handler of a work call on a task.
func (s *server) task(call string, message *pluginv1.Task, stream eventStream,
	handler func(context.Context, any, *Task) (*Result, error)) (err error) {
	defer s.recover(call, &err)
	value, ctx, done, err := s.beginWork(stream.Context())
	if err != nil {
		return err
	}
	defer done()
	content, err := wire.TaskFromProto(message)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	task, err := OpenTask(content, s.log.logger, sendTo(stream))
	if err != nil {
		return s.statusError(err)
	}
	defer task.Close()
	return s.work(ctx, stream, task.emit, task.space, func(ctx context.Context) (*Result, error) {
		return handler(ctx, value, task)
	})
}

// work runs a handler with heartbeats, checks the outputs of its result, and sends the
// result as the last event.
func (s *server) work(ctx context.Context, stream eventStream, emit *emitter, space *workspace,
	handler func(context.Context) (*Result, error)) error {
	stop := emit.startHeartbeats()
	defer stop() // after a panic too: nothing may be sent after the handler
	result, err := handler(ctx)
	stop()
	if err == nil && result == nil {
		result = &Result{}
	}
	if err == nil {
		err = space.checkOutputs(result.Outputs)
	}
	if err != nil {
		return s.statusError(interrupted(ctx, err))
	}
	return stream.Send(wire.WorkEventToProto(contract.WorkEvent{Result: result}))
}

func sendTo(stream eventStream) func(WorkEvent) error {
	return func(e WorkEvent) error { return stream.Send(wire.WorkEventToProto(e)) }
}

// startHeartbeats sends a heartbeat at once and further ones until stop is called. Stop
// waits for the last heartbeat and ends the emitter, so that a goroutine which the handler
// has left behind can send nothing.
func (e *emitter) startHeartbeats() (stop func()) {
	e.heartbeat()
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(wire.HeartbeatInterval)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				e.heartbeat()
			}
		}
	}()
	return func() {
		if e.end() {
			close(quit)
			<-ended
		}
	}
}

// interrupted gives an error without a class the class interrupted if the call's context
// has ended.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if _, classed := errors.AsType[*contract.Error](err); classed {
		return err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return Interrupted(err)
}
