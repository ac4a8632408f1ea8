package sdk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/procfs"
	"github.com/proofline/proofline/sdk/tracing"
	"github.com/proofline/proofline/sdk/wire"
)

const (
	exitPanic      = 2
	exitTerminated = 128 + int(syscall.SIGTERM)

	// answerTime is the time between the answer to a call that panicked and the end of
	// the process. The answer must reach the host in it, because gRPC does not report
	// when an answer has been sent.
	answerTime = 500 * time.Millisecond

	// parentInterval is the time between two checks that the parent still lives, on a
	// kernel that cannot notify this process of the parent's end.
	parentInterval = 2 * time.Second
)

// Serve is the whole main function of a plugin. In a process that a host has started it
// serves the plugin until the host ends it. In a process that was started by hand it runs
// the command-line tool and exits. Serve is called once.
//
// SIGINT is ignored, because Ctrl-C in a terminal is meant for the host. On SIGTERM, and
// when the parent has died, Serve cancels every call, waits for the handlers, closes the
// plugin and ends the process.
func Serve(p Plugin) {
	if os.Getenv(wire.Handshake.MagicCookieKey) != wire.Handshake.MagicCookieValue {
		os.Exit(runTool(context.Background(), p.def, os.Args, os.Stdout, os.Stderr))
	}
	// plugin.Serve replaces os.Stderr; the log keeps the original.
	stderr := os.Stderr
	log := newOutput(stderr)
	slog.SetDefault(log.logger)
	s := newServer(p.def, log)
	s.panicked = sync.OnceFunc(func() {
		time.AfterFunc(answerTime, func() { os.Exit(exitPanic) })
	})
	stopTracing, err := tracing.Start(context.Background(), p.def.manifest.Name, p.def.manifest.Version)
	if err != nil {
		log.logger.Warn("no traces are exported", "error", err)
		stopTracing = func(context.Context) error { return nil }
	}
	s.flush = func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		_ = stopTracing(ctx) // a collector that is down must not disturb the pipeline
	}
	endOnSignal(s)

	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.PluginSets(&registration{register: s.register}),
		Logger:           hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true, Level: hclog.Warn}),
		TLSProvider:      serverTLS(os.Stdout),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(slices.Concat(options, wire.ServerOptions(), tracing.ServerOptions(), restoreProcess(stderr), followLevel(log))...)
		},
	})
	// The host has called Shutdown: running calls are cancelled already.
	s.kill(errors.New("the host ended the plugin"))
	s.drain(context.Background())
	s.flush()
}

// serverTLS returns the function that makes this side's TLS configuration, for a host
// that reads the plugin's certificate from a line of its own. For every other host it
// returns nil, and go-plugin makes the configuration. It is called before go-plugin
// replaces the standard output and before the handshake.
func serverTLS(stdout io.Writer) func() (*tls.Config, error) {
	host := os.Getenv(wire.ClientCertificateVariable)
	if host == "" || os.Getenv(wire.CertificateLineVariable) != wire.CertificateLine {
		return nil
	}
	return func() (*tls.Config, error) { return wire.ServerTLS(host, stdout) }
}

// endOnSignal ends the process in an orderly way on SIGTERM and when the parent has
// died. SIGPIPE is caught, so that a log line to a host that has ended does not kill this
// process before it has cleaned up.
func endOnSignal(s *server) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	orphaned := watchParent()
	go func() {
		cause := fmt.Errorf("%w: the plugin was told to end (SIGTERM)", contract.ErrRequeued)
		select {
		case <-term:
		case <-orphaned:
			cause = fmt.Errorf("%w: the host is gone", contract.ErrRequeued)
		}
		s.kill(cause)
		s.drain(context.Background())
		s.flush()
		os.Exit(exitTerminated)
	}()
}

// watchParent returns a channel that closes when the parent has died. It is for hosts
// that start plugins without a keeper, which would end this process.
func watchParent() <-chan struct{} {
	parent := os.Getppid()
	if ended, err := procfs.Ended(parent); err == nil && os.Getppid() == parent {
		return ended
	}
	orphaned := make(chan struct{})
	go func() {
		for os.Getppid() == parent {
			time.Sleep(parentInterval)
		}
		close(orphaned)
	}()
	return orphaned
}

// flushTime is the longest time that the export of the last spans may take.
const flushTime = 2 * time.Second

// handshakeVariables are the variables that a host sets for go-plugin and the connection.
// The tools that the plugin runs must not inherit them.
var handshakeVariables = []string{
	wire.Handshake.MagicCookieKey, wire.ClientCertificateVariable, wire.CertificateLineVariable, "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT",
	"PLUGIN_UNIX_SOCKET_DIR", "PLUGIN_UNIX_SOCKET_GROUP", "PLUGIN_MULTIPLEX_GRPC",
}

// restoreProcess returns interceptors that run once, before the first handler, because
// plugin.Serve does not return while it serves. They point os.Stdout and os.Stderr at the
// original standard error: go-plugin's pipes lose text, and block when nobody reads
// them. They also remove go-plugin's variables from the environment. Only the handshake
// goes to the original standard output.
func restoreProcess(stderr *os.File) []grpc.ServerOption {
	once := sync.OnceFunc(func() {
		os.Stdout, os.Stderr = stderr, stderr
		for _, name := range handshakeVariables {
			_ = os.Unsetenv(name)
		}
	})
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			once()
			return next(ctx, r)
		}),
		grpc.ChainStreamInterceptor(func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			once()
			return next(server, stream)
		}),
	}
}

// followLevel returns interceptors that set the log level which a call names.
func followLevel(log *output) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			log.follow(wire.LogLevel(ctx))
			return next(ctx, r)
		}),
		grpc.ChainStreamInterceptor(func(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			log.follow(wire.LogLevel(stream.Context()))
			return next(server, stream)
		}),
	}
}

// registration is the plugin in the form that go-plugin serves.
type registration struct {
	plugin.NetRPCUnsupportedPlugin
	register func(grpc.ServiceRegistrar)
}

func (r *registration) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	r.register(s)
	return nil
}

func (r *registration) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a plugin is not a client")
}

// ServeListener serves the plugin on a listener in this process and without go-plugin's
// handshake. When the context ends it cancels the running calls, waits for them and
// returns nil. It is meant for tests. Log lines go to the writer.
func (p Plugin) ServeListener(ctx context.Context, listener net.Listener, log io.Writer) error {
	out := newOutput(log)
	s := newServer(p.def, out)
	g := grpc.NewServer(append(wire.ServerOptions(), followLevel(out)...)...)
	s.register(g)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.kill(context.Cause(ctx))
		g.Stop()
		s.drain(context.Background())
	})
	err := g.Serve(listener)
	if !stop() {
		<-stopped
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}
