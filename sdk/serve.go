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

	// answerTime is what the answer to a call that panicked gets to reach the
	// host before the process ends. gRPC does not tell when it is on the wire.
	answerTime = 500 * time.Millisecond

	// parentInterval is how often the process looks whether its parent still
	// lives, on a kernel that does not tell it.
	parentInterval = 2 * time.Second
)

// Serve is all that the main function of a plugin does. Started by a host it
// serves the plugin until the host ends it; started by hand it is a command-line
// tool.
//
// SIGINT is ignored, since a terminal's Ctrl-C is the host's business. SIGTERM
// and the death of the parent cancel every call, wait for the handlers, close the
// plugin and end the process.
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
		_ = stopTracing(ctx) // a collector that is down is no matter of the pipeline
	}
	watchEnd(s)

	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.PluginSets(&registration{register: s.register}),
		Logger:           hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true, Level: hclog.Warn}),
		TLSProvider:      certified(os.Stdout),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(slices.Concat(options, wire.ServerOptions(), tracing.ServerOptions(), settle(stderr), followLevel(log))...)
		},
	})
	// The host has said Shutdown: running calls are cancelled already.
	s.kill(errors.New("the host ended the plugin"))
	s.drain(context.Background())
	s.flush()
}

// certified makes this side's half of mutual TLS for a host that reads the certificate
// from a line of its own; nil, and go-plugin's half, for another. It is called before
// go-plugin replaces the standard output and before the handshake.
func certified(stdout io.Writer) func() (*tls.Config, error) {
	host := os.Getenv(wire.ClientCertificateVariable)
	if host == "" || os.Getenv(wire.CertificateLineVariable) != wire.CertificateLine {
		return nil
	}
	return func() (*tls.Config, error) { return wire.ServerTLS(host, stdout) }
}

// watchEnd ends the process in an orderly way on SIGTERM and when the parent has
// died. SIGPIPE is caught so that a log line to a host that is gone does not cut
// the clean-up short.
func watchEnd(s *server) {
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

// watchParent returns a channel that closes when the parent has died. It is the last net,
// for hosts that start plugins without a keeper.
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

// flushTime bounds the export of the last spans.
const flushTime = 2 * time.Second

// handshakeVariables are what a host sets for go-plugin and the connection. They are no
// business of the tools that the plugin runs.
var handshakeVariables = []string{
	wire.Handshake.MagicCookieKey, wire.ClientCertificateVariable, wire.CertificateLineVariable, "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT",
	"PLUGIN_UNIX_SOCKET_DIR", "PLUGIN_UNIX_SOCKET_GROUP", "PLUGIN_MULTIPLEX_GRPC",
}

// settle does, before the first handler runs, what cannot be done before
// plugin.Serve, which does not return: it points os.Stdout and os.Stderr at the
// original standard error, since go-plugin's pipes lose text and block when
// nobody reads them, and removes go-plugin's variables from the environment.
// Nothing but the handshake ever goes to the original standard output.
func settle(stderr *os.File) []grpc.ServerOption {
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

// followLevel lets each call bring another log level.
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

// registration is go-plugin's view of the plugin.
type registration struct {
	plugin.NetRPCUnsupportedPlugin
	register func(grpc.ServiceRegistrar)
}

func (r *registration) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	r.register(s)
	return nil
}

func (r *registration) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("a plugin is no client")
}

// ServeListener serves the plugin on a listener, without a process of its own and
// without go-plugin's handshake, until the context ends; then running calls are
// cancelled and awaited. It is meant for tests. Log lines go to the writer.
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
