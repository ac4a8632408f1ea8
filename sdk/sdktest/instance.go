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

// instance is one running plugin. Its methods are the calls of a host, with the types of
// package contract; each error has the class that the plugin gave it.
type instance struct {
	conn  *grpc.ClientConn
	log   *Buffer
	place place
	ended chan struct{} // closed when the process, or the server, has ended

	killAfter time.Duration // time between the request to end and SIGKILL

	cmd    *exec.Cmd // nil in process
	stdout *handshake
	mark   string

	end context.CancelFunc // in process
	err error
}

// start makes directories for an instance and starts the plugin in them. The state
// directory is the same every time, as it is for a stage, so that only one instance at a
// time may be configured.
func (r *run) start(ctx context.Context) (*instance, error) {
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
	// The path of a socket has at most 107 bytes.
	if p.sockets, err = os.MkdirTemp("", "s"); err != nil {
		return nil, err
	}
	i, err := r.suite.Target.start(ctx, p)
	if err != nil {
		_ = os.RemoveAll(p.sockets)
		return nil, err
	}
	i.killAfter = min(r.suite.Grace, 5*time.Second)
	return i, nil
}

// ready starts the plugin and configures it. The caller stops the instance.
func (r *run) ready(ctx context.Context, config json.RawMessage) (*instance, error) {
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
func (i *instance) Describe(ctx context.Context) (contract.Manifest, error) {
	m, err := pluginv1.NewPluginServiceClient(i.conn).Describe(ctx, &pluginv1.DescribeRequest{})
	if err != nil {
		return contract.Manifest{}, wire.FromStatusError(err)
	}
	return wire.ManifestFromProto(m)
}

// Check judges a configuration.
func (i *instance) Check(ctx context.Context, config json.RawMessage, offline bool) ([]contract.Finding, error) {
	a, err := i.Assess(ctx, config, offline)
	return a.Findings, err
}

// Assess judges a configuration and returns the traits, too.
func (i *instance) Assess(ctx context.Context, config json.RawMessage, offline bool) (contract.Assessment, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Check(ctx, &pluginv1.CheckRequest{ConfigJson: config, Offline: offline})
	return wire.AssessmentFromProto(r), wire.FromStatusError(err)
}

// Configure configures the plugin. It is configured unless a finding is an error.
func (i *instance) Configure(ctx context.Context, config json.RawMessage) (contract.Traits, []contract.Finding, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Configure(ctx, wire.SetupToProto(contract.Setup{
		Pipeline: "sdktest", Stage: "under-test", Config: config, StateDir: i.place.state, LogLevel: "debug"}))
	traits, findings := wire.TraitsFromProto(r)
	return traits, findings, wire.FromStatusError(err)
}

// Health returns the plugin's health and the number of its running handlers.
func (i *instance) Health(ctx context.Context) (contract.Health, int, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Health(ctx, &pluginv1.HealthRequest{})
	return wire.HealthFromProto(r), int(r.GetRunning()), wire.FromStatusError(err)
}

// endpoints returns the endpoints of a health answer in the form in which they were sent.
func (i *instance) endpoints(ctx context.Context) ([]*pluginv1.Endpoint, error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Health(ctx, &pluginv1.HealthRequest{})
	return r.GetEndpoints(), wire.FromStatusError(err)
}

// Drain has the plugin refuse new work and wait for the running calls. It returns the
// number of calls that still run.
func (i *instance) Drain(ctx context.Context) (running int, err error) {
	r, err := pluginv1.NewPluginServiceClient(i.conn).Drain(ctx, &pluginv1.DrainRequest{})
	return int(r.GetRunning()), wire.FromStatusError(err)
}

// Poll asks a source for blocks.
func (i *instance) Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error) {
	r, err := pluginv1.NewSourceServiceClient(i.conn).Poll(ctx, wire.PollRequestToProto(request))
	if err != nil {
		return contract.PollResponse{}, wire.FromStatusError(err)
	}
	return wire.PollResponseFromProto(r)
}

// Resolve asks a source for the blocks of these numbers.
func (i *instance) Resolve(ctx context.Context, numbers ...uint64) ([]contract.Resolution, error) {
	r, err := pluginv1.NewSourceServiceClient(i.conn).Resolve(ctx, &pluginv1.ResolveRequest{Numbers: numbers})
	if err != nil {
		return nil, wire.FromStatusError(err)
	}
	return wire.ResolutionsFromProto(r, numbers)
}

// eventStream is the receiving side of every work call.
type eventStream = grpc.ServerStreamingClient[pluginv1.WorkEvent]

// Work runs a task of the plugin's kind: Fetch, Build or Prove. Each event except
// the result goes to event, which may be nil.
func (i *instance) Work(ctx context.Context, kind contract.Kind, task contract.Task, event func(contract.WorkEvent)) (*contract.Result, error) {
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

// Verify has a prover check a proof. Each event except the result goes to event, which
// may be nil.
func (i *instance) Verify(ctx context.Context, task contract.Task, event func(contract.WorkEvent)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pluginv1.NewProverServiceClient(i.conn).Verify(ctx, &pluginv1.VerifyRequest{Task: wire.TaskToProto(task)})
	_, err = receive(stream, err, event)
	return err
}

// Report has a reporter report an event. Each event of the stream except the result goes
// to event, which may be nil.
func (i *instance) Report(ctx context.Context, e contract.Event, event func(contract.WorkEvent)) (*contract.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pluginv1.NewReporterServiceClient(i.conn).Report(ctx, &pluginv1.ReportRequest{Event: wire.EventToProto(e)})
	return receive(stream, err, event)
}

// receive reads a stream to its end, which must follow exactly one result.
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
