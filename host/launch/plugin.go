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

// Limits of single calls.
const (
	healthTime  = 5 * time.Second
	checkTime   = 2 * time.Minute
	resolveTime = 2 * time.Minute
	pollSlack   = time.Minute     // beyond the wait that was asked for
	deathNotice = 2 * time.Second // from a broken connection to the end of the process
)

// Plugin is a running, configured plugin process. All methods may be called
// concurrently. Errors carry a class; that of a call which the end of the
// process cut off is contract.ClassInterrupted.
type Plugin struct {
	spec    Spec
	proc    *process
	conn    grpc.ClientConnInterface
	base    pluginv1.PluginServiceClient
	release func() // go-plugin's Kill, once

	manifest       contract.Manifest
	traits         contract.Traits
	pid, keeperPID int

	life    context.Context // ends when calls are to end
	cut     context.CancelCauseFunc
	clock   livedClock
	signed  atomic.Int64          // when the last sign of life came, by the clock
	working atomic.Int32          // work calls, as the plugin counts them in Health
	verdict atomic.Pointer[error] // why the process was found to hang
	stop    stopping
	gone    chan struct{} // closed when the process and go-plugin's part are gone
}

// Manifest is what the plugin says of itself.
func (p *Plugin) Manifest() contract.Manifest { return p.manifest }

// Traits is the plugin's answer to its configuration.
func (p *Plugin) Traits() contract.Traits { return p.traits }

// PID is the plugin's process id.
func (p *Plugin) PID() int { return p.pid }

// KeeperPID is the process id of the plugin's keeper.
func (p *Plugin) KeeperPID() int { return p.keeperPID }

func (p *Plugin) facts() (pid, keeperPID int, traits contract.Traits) {
	return p.pid, p.keeperPID, p.traits
}

// serves reports whether calls can succeed: the process has not ended and is
// not being stopped.
func (p *Plugin) serves() bool {
	select {
	case <-p.proc.ended:
		return false
	default:
		return p.life.Err() == nil
	}
}

// Done closes when the process has ended, for whatever reason.
func (p *Plugin) Done() <-chan struct{} { return p.gone }

// Err says why the process ended; call it after Done.
func (p *Plugin) Err() error { return p.death() }

// Health asks the plugin for its own view of itself; it has five seconds.
func (p *Plugin) Health(ctx context.Context) (contract.Health, error) {
	answer, err := call(ctx, p, "health", healthTime, p.base.Health, &pluginv1.HealthRequest{})
	if err != nil {
		return contract.Health{}, err
	}
	return wire.HealthFromProto(answer), nil
}

// Check asks the plugin to judge a configuration, which need not be the one that
// it runs with.
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
	return response, p.malformed(err)
}

// Resolve asks a source for blocks by number; the answer has one resolution for
// each, in their order.
func (p *Plugin) Resolve(ctx context.Context, numbers []uint64) ([]contract.Resolution, error) {
	answer, err := call(ctx, p, "resolve", resolveTime,
		pluginv1.NewSourceServiceClient(p.conn).Resolve, &pluginv1.ResolveRequest{Numbers: numbers})
	if err != nil {
		return nil, err
	}
	resolutions, err := wire.ResolutionsFromProto(answer, numbers)
	return resolutions, p.malformed(err)
}

// Drain makes the plugin refuse new work and waits until the running calls have
// ended, or ctx has. It returns how many still run. Stop drains by itself.
func (p *Plugin) Drain(ctx context.Context) (running int, err error) {
	ctx, end := p.joined(ctx)
	defer end()
	answer, err := p.base.Drain(ctx, &pluginv1.DrainRequest{})
	if err != nil {
		return 0, p.explain(ctx, err)
	}
	return int(answer.GetRunning()), nil
}

// call makes one unary call, which ends with ctx, the limit or the plugin.
func call[Q, R any](ctx context.Context, p *Plugin, name string, limit time.Duration,
	rpc func(context.Context, Q, ...grpc.CallOption) (R, error), request Q) (R, error) {
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer to %s within %v", name, limit))
	defer cancel()
	limited, end := p.joined(limited)
	defer end()
	answer, err := rpc(limited, request)
	if err == nil {
		p.sign()
		return answer, nil
	}
	return answer, p.explain(limited, err)
}

// joined returns a context that also ends with the plugin.
func (p *Plugin) joined(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(p.life, func() { cancel(context.Cause(p.life)) })
	return ctx, func() { stop(); cancel(nil) }
}

// sign notes a sign of life.
func (p *Plugin) sign() { p.signed.Store(int64(p.clock.now())) }

// silence is how long the plugin has given no sign of life while the host lived.
func (p *Plugin) silence() time.Duration { return p.clock.now() - time.Duration(p.signed.Load()) }

// explain turns the error of an RPC into one with a class that says what
// happened: the end of the process, of the context, or what the plugin answered.
func (p *Plugin) explain(ctx context.Context, err error) error {
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
	case codes.ResourceExhausted:
		if len(status.Convert(err).Details()) == 0 { // gRPC's own: the message is too large
			return p.malformed(errors.New(status.Convert(err).Message()))
		}
		return wire.FromStatusError(err)
	default:
		return p.spec.outside(wire.FromStatusError(err))
	}
	classed := wire.FromStatusError(err)
	if ctx.Err() == nil && len(status.Convert(err).Details()) == 0 {
		// No plugin made this error: the connection broke. The process ends
		// together with it, or never.
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
		return contract.Interrupted(p.death())
	default:
	}
	if ctx.Err() != nil {
		return contract.Interrupted(context.Cause(ctx))
	}
	return classed
}

// malformed classes the error of an answer that breaks the protocol.
func (p *Plugin) malformed(err error) error {
	if err == nil {
		return nil
	}
	return contract.Permanent(fmt.Errorf("plugin %s breaks the protocol: %w", p.spec.Binary.Name, err))
}

// death says how the process ended.
func (p *Plugin) death() error {
	if verdict := p.verdict.Load(); verdict != nil {
		return *verdict
	}
	exit, words := p.proc.exit()
	return withWords(fmt.Errorf("plugin %s of stage %q (process %d) ended: %v",
		p.spec.Binary.Name, p.spec.Stage, p.pid, exit), words)
}
