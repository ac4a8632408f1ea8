package launch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// Time limits of single calls.
const (
	healthTime  = 5 * time.Second
	checkTime   = 2 * time.Minute
	resolveTime = 2 * time.Minute
	pollSlack   = time.Minute     // in addition to the wait of the request
	deathNotice = 2 * time.Second // from a broken connection to the end of the process
)

// Plugin is a running, configured plugin process. All methods may be called
// concurrently. Errors have a class. If the process ends during a call, the class is
// contract.ClassInterrupted.
type Plugin struct {
	spec    Spec
	proc    *process
	conn    grpc.ClientConnInterface
	base    pluginv1.PluginServiceClient
	release func() // calls go-plugin's Kill, once

	manifest       contract.Manifest
	traits         contract.Traits
	pid, keeperPID int

	life       context.Context // ends when all calls have to end
	endCalls   context.CancelCauseFunc
	clock      runClock
	lastSign   atomic.Int64          // time of the last sign of life, by the clock
	workCalls  atomic.Int32          // running work calls; Health reports the plugin's own count
	hangReason atomic.Pointer[error] // why the process counts as hung; nil if it does not
	stop       stopState
	exited     chan struct{} // closed when the process has ended
}

// Manifest returns the plugin's description of itself.
func (p *Plugin) Manifest() contract.Manifest { return p.manifest }

// Traits returns the plugin's traits under its configuration.
func (p *Plugin) Traits() contract.Traits { return p.traits }

// PID returns the plugin's process id.
func (p *Plugin) PID() int { return p.pid }

// KeeperPID returns the process id of the plugin's keeper.
func (p *Plugin) KeeperPID() int { return p.keeperPID }

// info implements instance.
func (p *Plugin) info() (pid, keeperPID int, traits contract.Traits) {
	return p.pid, p.keeperPID, p.traits
}

// serves reports whether calls can succeed. They cannot once the process has ended or
// is being stopped.
func (p *Plugin) serves() bool {
	select {
	case <-p.proc.ended:
		return false
	default:
		return p.life.Err() == nil
	}
}

// Done returns a channel that is closed when the process has ended.
func (p *Plugin) Done() <-chan struct{} { return p.exited }

// Err returns why the process ended. Call it after Done is closed.
func (p *Plugin) Err() error { return p.exitError() }

// Health asks the plugin for its health. It fails after five seconds without an answer.
func (p *Plugin) Health(ctx context.Context) (contract.Health, error) {
	answer, err := call(ctx, p, "health", healthTime, p.base.Health, &pluginv1.HealthRequest{})
	if err != nil {
		return contract.Health{}, err
	}
	return wire.HealthFromProto(answer), nil
}

// Check asks the plugin to check a configuration, which need not be the one that it
// runs with.
func (p *Plugin) Check(ctx context.Context, config []byte, offline bool) (contract.Assessment, error) {
	answer, err := call(ctx, p, "check", checkTime, p.base.Check, &pluginv1.CheckRequest{ConfigJson: config, Offline: offline})
	if err != nil {
		return contract.Assessment{}, err
	}
	return wire.AssessmentFromProto(answer), nil
}

// Poll asks a source for new target blocks.
func (p *Plugin) Poll(ctx context.Context, request contract.PollRequest) (contract.PollResponse, error) {
	answer, err := call(ctx, p, "poll", request.Wait+pollSlack,
		pluginv1.NewSourceServiceClient(p.conn).Poll, wire.PollRequestToProto(request))
	if err != nil {
		return contract.PollResponse{}, err
	}
	response, err := wire.PollResponseFromProto(answer)
	return response, p.protocolError(err)
}

// Resolve asks a source for blocks by number. The result has one resolution for each
// number, in the same order.
func (p *Plugin) Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error) {
	answer, err := call(ctx, p, "resolve", resolveTime,
		pluginv1.NewSourceServiceClient(p.conn).Resolve, &pluginv1.ResolveRequest{Numbers: numbers})
	if err != nil {
		return nil, err
	}
	resolutions, err := wire.ResolutionsFromProto(answer, numbers)
	return resolutions, p.protocolError(err)
}

// Drain makes the plugin refuse new work and waits until its running calls have ended
// or ctx ends. It returns how many calls still run. Stop drains by itself.
func (p *Plugin) Drain(ctx context.Context) (running int, err error) {
	ctx, end := p.withPluginLife(ctx)
	defer end()
	answer, err := p.base.Drain(ctx, &pluginv1.DrainRequest{})
	if err != nil {
		return 0, p.explain(ctx, err)
	}
	return int(answer.GetRunning()), nil
}

// call makes one unary call. The call ends at the latest with ctx, after the limit, or
// with the plugin.
func call[Q, R any](ctx context.Context, p *Plugin, name string, limit time.Duration,
	rpc func(context.Context, Q, ...grpc.CallOption) (R, error), request Q) (R, error) {
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer to %s within %v", name, limit))
	defer cancel()
	limited, end := p.withPluginLife(limited)
	defer end()
	answer, err := rpc(limited, request)
	if err == nil {
		p.recordSign()
		return answer, nil
	}
	return answer, p.explain(limited, err)
}

// withPluginLife returns a context that ends with ctx or with p.life. The caller calls
// the returned function when it no longer needs the context.
func (p *Plugin) withPluginLife(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(p.life, func() { cancel(context.Cause(p.life)) })
	return ctx, func() { stop(); cancel(nil) }
}

// recordSign records a sign of life.
func (p *Plugin) recordSign() { p.lastSign.Store(int64(p.clock.now())) }

// silence returns the time since the last sign of life. It counts only time in which
// the host was running.
func (p *Plugin) silence() time.Duration { return p.clock.now() - time.Duration(p.lastSign.Load()) }

// explain converts the error of an RPC to one with a class. The cause is the end of the
// process, the end of ctx, or the error that the plugin returned.
func (p *Plugin) explain(ctx context.Context, err error) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
	case codes.ResourceExhausted:
		if len(status.Convert(err).Details()) == 0 { // gRPC's own: the message is too large
			return p.protocolError(errors.New(status.Convert(err).Message()))
		}
		return wire.FromStatusError(err)
	default:
		return p.spec.explainDenied(wire.FromStatusError(err))
	}
	classed := wire.FromStatusError(err)
	if ctx.Err() == nil && len(status.Convert(err).Details()) == 0 {
		// The plugin did not return this error: the connection broke. If the process ends,
		// too, its exit is the better explanation.
		select {
		case <-p.proc.ended:
		case <-ctx.Done():
		case <-time.After(deathNotice):
			return classed
		}
	}
	if p.life.Err() != nil {
		return contract.Interrupted(context.Cause(p.life))
	}
	select {
	case <-p.proc.ended:
		return contract.Interrupted(p.exitError())
	default:
	}
	if ctx.Err() != nil {
		return contract.Interrupted(context.Cause(ctx))
	}
	return classed
}

// protocolError wraps the error of an answer that breaks the protocol as a permanent
// one. It returns nil for nil.
func (p *Plugin) protocolError(err error) error {
	if err == nil {
		return nil
	}
	return contract.Permanent(fmt.Errorf("plugin %s breaks the protocol: %w", p.spec.Binary.Name, err))
}

// exitError returns why the process ended. Call it after the process has ended.
func (p *Plugin) exitError() error {
	if reason := p.hangReason.Load(); reason != nil {
		return *reason
	}
	exit, lastLines := p.proc.exit()
	return withOutput(fmt.Errorf("plugin %s of stage %q (process %d) ended: %v",
		p.spec.Binary.Name, p.spec.Stage, p.pid, exit), lastLines)
}
