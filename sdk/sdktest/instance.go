package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// Instance is one life of a plugin, with the calls of a host in the contract's
// types.
type Instance struct {
	conn  *grpc.ClientConn
	log   *Buffer
	place place
	ended chan struct{} // closed when the process, or the server, has ended

	patience time.Duration // between the request to end and the use of force

	cmd    *exec.Cmd // nil in process
	stdout *handshake
	mark   string

	end context.CancelFunc // in process
	err error
}

// start makes a place and starts the plugin there. The state directory is the
// same every time, as it is for a stage: only one instance at a time may be
// configured.
func (r *run) start(ctx context.Context) (*Instance, error) {
	dir, err := r.folder("process")
	if err != nil {
		return nil, err
	}
	p := place{work: filepath.Join(dir, "work"), home: filepath.Join(dir, "home"), temp: filepath.Join(dir, "temp"),
		state: filepath.Join(r.dir, "state")}
	for _, sub := range []string{p.work, p.home, p.temp} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			return nil, err
		}
	}
	// Socket paths end at 108 bytes.
	if p.sockets, err = os.MkdirTemp("", "s"); err != nil {
		return nil, err
	}
	i, err := r.suite.Target.start(ctx, p)
	if err != nil {
		_ = os.RemoveAll(p.sockets)
		return nil, err
	}
	i.patience = min(r.suite.Grace, 5*time.Second)
	return i, nil
}

// ready starts the plugin and configures it.
func (r *run) ready(ctx context.Context, config json.RawMessage) (*Instance, error) {
	i, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	_, findings, err := i.Configure(ctx, config)
	if err == nil {
		err = firstError(findings)
	}
	if err != nil {
		i.stop()
		return nil, fmt.Errorf("configure: %w", err)
	}
	return i, nil
}

func firstError(findings []contract.Finding) error {
	for _, f := range findings {
		if f.Severity == contract.SeverityError {
			return errors.New(f.String())
		}
	}
	return nil
}

// Describe returns the manifest.
func (i *Instance) Describe(ctx context.Context) (contract.Manifest, error) {
	m, err := pluginv1.NewPluginServiceClient(i.conn).Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return contract.Manifest{}, wire.FromStatusError(err)
	}
	return wire.ManifestFromProto(m)
}

// Check judges a configuration.
func (i *Instance) Check(ctx context.Context, config json.RawMessage, offline bool) ([]contract.Finding, error) {
	a, err := i.Assess(ctx, config, offline)
	return a.Findings, err
}

// Assess is Check with the whole answer.
func (i *Instance) Assess(ctx context.Context, config json.RawMessage, offline bool) (contract.Assessment, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Check(ctx, &pluginv1.CheckRequest{ConfigJson: config, Offline: offline})
	return wire.AssessmentFromProto(r), wire.FromStatusError(err)
}

// Configure sets the plugin up in its place.
func (i *Instance) Configure(ctx context.Context, config json.RawMessage) (contract.Traits, []contract.Finding, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Configure(ctx, wire.SetupToProto(contract.Setup{
		Pipeline: "sdktest", Stage: "under-test", Config: config, StateDir: i.place.state, LogLevel: "debug"}))
	traits, findings := wire.TraitsFromProto(r)
	return traits, findings, wire.FromStatusError(err)
}

// Health returns the plugin's view of itself and how many handlers run.
func (i *Instance) Health(ctx context.Context) (contract.Health, int, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Health(ctx, &pluginv1.HealthRequest{})
	return wire.HealthFromProto(r), int(r.GetRunning()), wire.FromStatusError(err)
}

// endpoints are what the plugin tells of the services it depends on, as it sends it.
func (i *Instance) endpoints(ctx context.Context) ([]*pluginv1.Endpoint, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Health(ctx, &pluginv1.HealthRequest{})
	return r.GetEndpoints(), wire.FromStatusError(err)
}

// Drain refuses new work and waits for the running calls.
func (i *Instance) Drain(ctx context.Context) (running int, err error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Drain(ctx, &pluginv1.DrainRequest{})
	return int(r.GetRunning()), wire.FromStatusError(err)
}

// Poll asks a source for blocks.
func (i *Instance) Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error) {
	r, err := pluginv1.NewSourceServiceClient(i.conn).Poll(ctx, wire.PollRequestToProto(request))
	if err != nil {
		return contract.PollResponse{}, wire.FromStatusError(err)
	}
	return wire.PollResponseFromProto(r)
}

// Resolve asks a source for numbers.
func (i *Instance) Resolve(ctx context.Context, numbers ...uint64) ([]contract.Resolution, error) {
	r, err := pluginv1.NewSourceServiceClient(i.conn).Resolve(ctx, &pluginv1.ResolveRequest{Numbers: numbers})
	if err != nil {
		return nil, wire.FromStatusError(err)
	}
	return wire.ResolutionsFromProto(r, numbers)
}

// eventStream is the receiving side of every work call.
type eventStream = grpc.ServerStreamingClient[pluginv1.WorkEvent]

// Work runs a task of the plugin's kind: Fetch, Build or Prove. Each event but
// the result goes to event, which may be nil.
func (i *Instance) Work(ctx context.Context, kind contract.Kind, task contract.Task, event func(contract.WorkEvent)) (*contract.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	message := wire.TaskToProto(task)
	var stream eventStream
	var err error
	switch kind {
	case contract.KindSource:
		stream, err = pluginv1.NewSourceServiceClient(i.conn).Fetch(ctx, &pluginv1.FetchRequest{Task: message})
	case contract.KindBuilder:
		stream, err = pluginv1.NewBuilderServiceClient(i.conn).Build(ctx, &pluginv1.BuildRequest{Task: message})
	case contract.KindProver:
		stream, err = pluginv1.NewProverServiceClient(i.conn).Prove(ctx, &pluginv1.ProveRequest{Task: message})
	default:
		return nil, fmt.Errorf("a %s has no tasks", kind)
	}
	return receive(stream, err, event)
}

// Verify checks a proof. Each event but the result goes to event, which may be nil.
func (i *Instance) Verify(ctx context.Context, task contract.Task, event func(contract.WorkEvent)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pluginv1.NewProverServiceClient(i.conn).Verify(ctx, &pluginv1.VerifyRequest{Task: wire.TaskToProto(task)})
	_, err = receive(stream, err, event)
	return err
}

// Report tells a reporter something.
func (i *Instance) Report(ctx context.Context, e contract.Event, event func(contract.WorkEvent)) (*contract.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pluginv1.NewReporterServiceClient(i.conn).Report(ctx, &pluginv1.ReportRequest{Event: wire.EventToProto(e)})
	return receive(stream, err, event)
}

func receive(stream eventStream, err error, event func(contract.WorkEvent)) (result *contract.Result, _ error) {
	if err != nil {
		return nil, wire.FromStatusError(err)
	}
	for {
		message, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && result == nil:
			return nil, errors.New("the stream ended without a result")
		case errors.Is(err, io.EOF):
			return result, nil
		case err != nil:
			return nil, wire.FromStatusError(err)
		case result != nil:
			return nil, errors.New("the stream goes on after the result")
		}
		e, err := wire.WorkEventFromProto(message)
		if err != nil {
			return nil, err
		}
		if e.Result != nil {
			result = e.Result
		} else if event != nil {
			event(e)
		}
	}
}
