package sdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/wire"
)

// server serves one plugin process: it is described, configured once, works, and is
// drained. It implements the base service itself and the service of the plugin's kind
// through the adapters in work.go.
type server struct {
	pluginv1.UnimplementedPluginServiceServer

	def *definition
	log *output
	// panicked is called once, after a handler has panicked.
	panicked func()
	// flush is called when the process is about to end, after drain.
	flush func()

	life context.Context // ends when the process is to end; cancels every call
	kill context.CancelCauseFunc

	drained context.Context // ends when draining begins; cancels polls
	refuse  context.CancelFunc

	working atomic.Int32 // number of handlers of work calls that have not returned

	mu         sync.Mutex // guards what follows
	configured bool       // Configure was called, with or without success
	value      any        // the value that open returned; nil before
	draining   bool
	closed     bool
	running    int           // number of calls of any kind
	idle       chan struct{} // closed when draining and running is 0
}

func newServer(def *definition, log *output) *server {
	s := &server{def: def, log: log, panicked: func() {}, flush: func() {}, idle: make(chan struct{})}
	s.life, s.kill = context.WithCancelCause(context.Background())
	s.drained, s.refuse = context.WithCancel(s.life)
	return s
}

func (s *server) register(r grpc.ServiceRegistrar) {
	pluginv1.RegisterPluginServiceServer(r, s)
	switch s.def.manifest.Kind {
	case contract.KindSource:
		pluginv1.RegisterSourceServiceServer(r, sourceServer{server: s})
	case contract.KindBuilder:
		pluginv1.RegisterBuilderServiceServer(r, builderServer{server: s})
	case contract.KindProver:
		pluginv1.RegisterProverServiceServer(r, proverServer{server: s})
	case contract.KindReporter:
		pluginv1.RegisterReporterServiceServer(r, reporterServer{server: s})
	}
}

func (s *server) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return wire.ManifestToProto(s.def.manifest), nil
}

func (s *server) Check(ctx context.Context, r *pluginv1.CheckRequest) (_ *pluginv1.CheckResponse, err error) {
	defer s.recover("check", &err)
	assessment := s.def.assess(ctx, r.GetConfigJson(), r.GetOffline(), s.log.redact)
	return wire.AssessmentToProto(assessment), nil
}

func (s *server) Configure(ctx context.Context, r *pluginv1.ConfigureRequest) (_ *pluginv1.ConfigureResponse, err error) {
	defer s.recover("configure", &err)
	s.mu.Lock()
	if s.configured {
		s.mu.Unlock()
		return nil, status.Error(codes.FailedPrecondition, "configure was called before: start a new process")
	}
	if s.draining {
		s.mu.Unlock()
		return nil, wire.StatusError(errDraining)
	}
	s.configured = true
	s.running++ // so that Drain waits, and closes the value that open returns
	s.mu.Unlock()
	defer s.release()

	setup := wire.SetupFromProto(r)
	s.log.setLevel(setup.LogLevel)
	config, findings := s.def.decode(setup.Config)
	s.log.redact(config.secrets)
	findings = redactFindings(findings, config.secrets)
	if hasError(findings) {
		return wire.TraitsToProto(contract.Traits{}, findings), nil
	}
	if err := prepareStateDir(setup.StateDir); err != nil {
		return nil, s.statusError(err)
	}
	ctx, stop := s.callContext(ctx)
	defer stop()
	value, err := s.def.open(ctx, config, Env{
		Pipeline: setup.Pipeline, Stage: setup.Stage, StateDir: setup.StateDir, Log: s.log.logger,
	})
	if err != nil {
		return nil, s.statusError(err)
	}
	traits := redactTraits(openedTraits(s.def.traits(config), value), config.secrets)
	if _, ok := value.(Verifier); ok && !s.def.manifest.Has(contract.CapabilityVerify) {
		s.log.logger.Warn("the prover has Verify but does not announce it, so that it is never called: " +
			"let open return the concrete type, or use sdk.Capabilities")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value = value
	return wire.TraitsToProto(traits, findings), nil
}

func prepareStateDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return Permanent(fmt.Errorf("state directory %q is not absolute", dir))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Environment(fmt.Errorf("state directory: %w", err), "let this user create "+dir)
	}
	return nil
}

func (s *server) Health(ctx context.Context, _ *pluginv1.HealthRequest) (_ *pluginv1.HealthResponse, err error) {
	defer s.recover("health", &err)
	s.mu.Lock()
	value, closed := s.value, s.closed
	s.mu.Unlock()
	health := contract.Health{State: contract.HealthReady}
	switch h, ok := value.(healther); {
	case value == nil:
		health = contract.Health{State: contract.HealthUnavailable, Detail: "not configured"}
	case closed:
		health = contract.Health{State: contract.HealthUnavailable, Detail: "drained"}
	case ok:
		health = h.Health(ctx)
	}
	health.Detail = s.log.clean(health.Detail)
	health.Endpoints = slices.Clone(health.Endpoints) // the plugin owns the original
	for i := range health.Endpoints {
		e := &health.Endpoints[i]
		e.Name, e.Detail = s.log.clean(e.Name), s.log.clean(e.Detail)
	}
	response := wire.HealthToProto(health)
	response.Running = uint32(s.working.Load())
	return response, nil
}

func (s *server) Drain(ctx context.Context, _ *pluginv1.DrainRequest) (_ *pluginv1.DrainResponse, err error) {
	defer s.recover("drain", &err)
	s.drain(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return &pluginv1.DrainResponse{Running: uint32(s.running)}, nil
}

// drain refuses new calls, waits for the running ones and closes the plugin value. It
// returns early when the context ends. It may be called several times.
func (s *server) drain(ctx context.Context) {
	s.mu.Lock()
	if !s.draining {
		s.draining = true
		if s.running == 0 {
			close(s.idle)
		}
	}
	s.mu.Unlock()
	s.refuse()
	select {
	case <-ctx.Done():
		return
	case <-s.idle:
	}
	s.mu.Lock()
	value, closed := s.value, s.closed
	s.closed = true
	s.mu.Unlock()
	if c, ok := value.(closer); ok && !closed {
		if err := c.Close(); err != nil {
			s.log.logger.Error("close", "error", err)
		}
	}
}

var errDraining = Interrupted(errors.New("the plugin is draining"))

// begin admits a call and returns the plugin value and the call's context, which ends
// with the call or with the process. The caller calls done when the handler has returned.
func (s *server) begin(ctx context.Context) (value any, call context.Context, done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.value == nil:
		return nil, nil, nil, status.Error(codes.FailedPrecondition, "the plugin is not configured")
	case s.draining:
		return nil, nil, nil, wire.StatusError(errDraining)
	}
	s.running++
	call, stop := s.callContext(ctx)
	return s.value, call, func() { stop(); s.release() }, nil
}

// release takes a call out of the count in running.
func (s *server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running--; s.running == 0 && s.draining {
		close(s.idle)
	}
}

// beginWork is begin for work calls, whose handlers the answer to Health counts.
func (s *server) beginWork(ctx context.Context) (value any, call context.Context, done func(), err error) {
	value, call, release, err := s.begin(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	s.working.Add(1)
	return value, call, func() { s.working.Add(-1); release() }, nil
}

// callContext returns the context of a call. It ends with the RPC and with the server's
// life, and its cause says why the call was cancelled.
func (s *server) callContext(rpc context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(rpc))
	stopLife := context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })
	stopCall := context.AfterFunc(rpc, func() { cancel(s.cancelCause(rpc)) })
	return ctx, func() { stopLife(); stopCall(); cancel(nil) }
}

// reasonTime is the longest time between the cancellation of a call and the event that
// explains it: when the host dies, its calls break a moment before the keeper ends this
// process.
const reasonTime = 200 * time.Millisecond

// cancelCause returns why a call was cancelled. It waits up to reasonTime to find out
// whether the host or this process ends, in which case the cause wraps ErrRequeued.
// Otherwise the host no longer wants the result.
func (s *server) cancelCause(rpc context.Context) error {
	cause := context.Cause(rpc)
	if errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	timer := time.NewTimer(reasonTime)
	defer timer.Stop()
	select {
	case <-s.life.Done():
		return context.Cause(s.life)
	case <-s.drained.Done():
		return fmt.Errorf("%w: the plugin is drained", contract.ErrRequeued)
	case <-timer.C:
		return cause
	}
}

// statusError turns an error of the plugin into the error of its RPC, without secrets.
func (s *server) statusError(err error) error {
	return wire.StatusError(s.log.cleanError(err))
}

// recover turns a panic of plugin code into an error of the call. It is deferred by every
// handler. The process ends afterwards, because its state can no longer be trusted.
func (s *server) recover(call string, err *error) {
	r := recover()
	if r == nil {
		return
	}
	s.log.logger.Error("panic", "call", call, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	*err = wire.PanicError(errors.New(s.log.clean(fmt.Sprintf("the plugin panicked in %s: %v", call, r))))
	s.panicked()
}

// redactFindings removes secrets from summaries and remedies, and leaves the pointers
// unchanged.
func redactFindings(findings []Finding, secrets []string) []Finding {
	r := redact.New(secrets...)
	out := make([]Finding, len(findings))
	for i, f := range findings {
		f.Summary, f.Remedy = r.Text(f.Summary), r.Text(f.Remedy)
		out[i] = f
	}
	return out
}

// levelOf reads the name of a log level; unknown names are info.
func levelOf(name string) slog.Level {
	switch strings.ToLower(name) {
	case "debug", "trace":
		return slog.LevelDebug
	case "warn", "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}
