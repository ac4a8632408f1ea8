package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/redact"
	"github.com/proofline/proofline/sdk/tracing"
	"github.com/proofline/proofline/sdk/wire"
)

// start starts the plugin's process and connects to it. It does not configure it.
func start(ctx context.Context, spec Spec) (*Plugin, error) {
	program, err := spec.Run.program(spec.Binary, spec.Log)
	if err != nil {
		return nil, changedFileError(err, spec.Binary)
	}
	sockets, err := spec.socketDir()
	if err != nil {
		return nil, err
	}
	if err := spec.makeState(program); err != nil {
		return nil, err
	}
	lines := newLineLog(spec.Log, slog.LevelError)
	lines.tail = spec.tail
	proc := newProcess(spec, program, sockets, lines)
	config, err := clientConfig(spec, proc, sockets)
	if err != nil {
		return nil, err
	}
	client := plugin.NewClient(config)
	started := time.Now()
	raw, err := connect(ctx, config, client, proc)
	var keeperPID, pid int
	if err == nil {
		keeperPID, pid, err = proc.pids(ctx)
	}
	if err != nil {
		proc.killNow()
		ended := proc.awaitEnd(killTime)
		go client.Kill() // frees go-plugin's goroutines, once the process has ended
		switch {
		case ctx.Err() != nil:
			return nil, contract.Interrupted(context.Cause(ctx))
		case !ended:
			return nil, fmt.Errorf("%w; its processes survive SIGKILL", err)
		}
		return nil, proc.startError(err, spec, time.Since(started) >= spec.StartTimeout)
	}
	conn := redacting{spec.adapters[client.NegotiatedVersion()](raw), redact.New(spec.Secrets...)}
	p := &Plugin{
		spec: spec, proc: proc, conn: conn, base: pluginv1.NewPluginServiceClient(conn),
		release:   sync.OnceFunc(client.Kill),
		keeperPID: keeperPID, pid: pid,
		exited: make(chan struct{}),
	}
	p.stop.done = make(chan struct{})
	p.stop.noGrace, p.stop.skipGrace = context.WithCancel(context.Background())
	p.life, p.endCalls = context.WithCancelCause(context.Background())
	p.recordSign()
	go p.clock.run(p.exited)
	go func() {
		defer close(p.exited)
		<-proc.ended
		if stack := lines.panic(); stack != "" {
			spec.Log.Error("the plugin panicked", "plugin", spec.Binary.Name, "pid", pid, "stack", stack)
		}
		p.endCalls(p.exitError())
		p.release()
	}()
	return p, nil
}

// clientConfig returns a configuration with which go-plugin only runs the process and
// connects to it. This package handles log lines, environment, certificates and the
// end of the process itself.
func clientConfig(spec Spec, proc *process, sockets string) (*plugin.ClientConfig, error) {
	tls, certificate, err := wire.ClientTLS()
	if err != nil {
		return nil, err
	}
	return &plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.PluginSets(connection{}, spec.protocolVersions()...),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (runner.Runner, error) {
			variables := append(cmd.Env, wire.ClientCertificateVariable+"="+certificate, wire.CertificateLineVariable+"="+wire.CertificateLine)
			proc.setEnv(environment(spec.User, os.Environ(), spec.Env, variables, spec.Run, spec.Stage))
			if spec.User != nil {
				return proc, os.Lchown(socketDir, spec.User.UID, spec.User.GID) // the directory of the plugin's socket
			}
			return proc, nil
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        tls,
		SkipHostEnv:      true,
		StartTimeout:     spec.StartTimeout,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: sockets},
		// go-plugin's own log lines help only when go-plugin itself is debugged.
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: "go-plugin", JSONFormat: true, Level: hclog.Debug, Output: newLineLog(spec.Log, slog.LevelDebug),
		}),
		GRPCDialOptions: slices.Concat(wire.DialOptions(), wire.SendLogLevel(spec.Run.logLevel), tracing.DialOptions()),
	}, nil
}

// connect starts the process and connects to it. go-plugin limits only the time until
// the handshake, so connect has a limit for the whole.
func connect(ctx context.Context, config *plugin.ClientConfig, client *plugin.Client, proc *process) (*grpc.ClientConn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, config.StartTimeout+connectTime, errors.New("no connection after the handshake"))
	defer cancel()
	type connected struct {
		protocol plugin.ClientProtocol
		err      error
	}
	result := make(chan connected, 1)
	go func() { // ends with the process at the latest
		if _, err := client.Start(); err != nil {
			result <- connected{nil, err}
			return
		}
		if err := proc.authenticate(config); err != nil {
			result <- connected{nil, err}
			return
		}
		protocol, err := client.Client()
		result <- connected{protocol, err}
	}()
	select {
	case c := <-result:
		if c.err != nil {
			return nil, c.err
		}
		return c.protocol.(*plugin.GRPCClient).Conn, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

const (
	connectTime = 5 * time.Second
	killTime    = 10 * time.Second // from SIGKILL to the end of a process
)

// awaitEnd waits for the end of the tree and reports whether it came within the limit.
// A tree that was not started has ended.
func (p *process) awaitEnd(limit time.Duration) bool {
	if !p.started() {
		return true
	}
	select {
	case <-p.ended:
		return true
	case <-time.After(limit):
		return false
	}
}

// startError explains why there was no connection. late means that the time for the
// handshake had passed. Call it after the process has ended.
func (p *process) startError(err error, spec Spec, late bool) error {
	if !p.started() {
		return err
	}
	exit, lastLines := p.exit()
	switch line, hasLine := p.firstLine(); {
	case !exit.Started:
		err = errors.New(exit.String())
	case hasLine && !isHandshake(line):
		line = redact.New(spec.Secrets...).Text(line)
		err = fmt.Errorf("it wrote %q to stdout before the handshake, where nothing else may stand: "+
			"what the plugin or a script around it prints belongs on stderr; or is it no proofline plugin?", line)
	case hasLine:
		err = cmp.Or(spec.checkHandshake(line), err)
	case late:
		err = fmt.Errorf("no handshake within %v", spec.StartTimeout)
	default:
		err = fmt.Errorf("it ended before the handshake: %v", exit)
	}
	return spec.explainDenied(withOutput(err, lastLines))
}

// withOutput adds the last lines that the plugin wrote to an error.
func withOutput(err error, lastLines string) error {
	if lastLines == "" {
		return err
	}
	return fmt.Errorf("%w; it wrote: %s", err, strings.ReplaceAll(lastLines, "\n", " | "))
}

// connection is go-plugin's client side of the plugin. It returns the gRPC connection,
// on which this package makes its own clients.
type connection struct {
	plugin.NetRPCUnsupportedPlugin
}

func (connection) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves no plugin")
}

func (connection) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}
