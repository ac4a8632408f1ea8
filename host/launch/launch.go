package launch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// Launch starts a plugin, checks that it is the one in the catalog, and
// configures it. When it fails, or ctx ends meanwhile, no process is left. The
// error carries a class where the plugin gave one; a *ConfigError holds what
// the plugin has against its configuration.
//
// The plugin runs until Stop, whatever becomes of ctx.
func Launch(ctx context.Context, spec Spec) (*Plugin, error) {
	spec, err := spec.filled()
	if err != nil {
		return nil, err
	}
	if spec.Binary.Locked {
		if err := spec.Binary.Verify(); err != nil {
			return nil, err
		}
	}
	if err := vacate(ctx, spec.Run, spec.Stage, spec.Grace+2*time.Second); err != nil {
		return nil, err
	}
	p, err := start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start plugin %s: %w", spec.Binary.Name, err)
	}
	if err := p.prepare(ctx); err != nil {
		return nil, errors.Join(err, p.Stop(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// vacate returns when the stage's instance lock is free. What holds it for
// longer than the patience is killed.
func vacate(ctx context.Context, run *Run, stage string, patience time.Duration) error {
	const last = 10 * time.Second
	lock := run.lock(stage)
	free := func(limit time.Duration) error {
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return keeper.WaitFree(limited, lock)
	}
	err := free(patience)
	if !errors.Is(err, keeper.ErrBusy) || ctx.Err() != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, last)
	defer cancel()
	if _, err := keeper.Sweep(limited, keeper.Mark{Instance: run.Instance, Stage: stage}, 0); err != nil {
		return err
	}
	return free(last)
}

// start brings the process up to the handshake.
func start(ctx context.Context, spec Spec) (*Plugin, error) {
	sockets, err := spec.Run.socketDir()
	if err != nil {
		return nil, err
	}
	lines := newLineLog(spec.Log, slog.LevelError)
	proc := newProcess(spec, lines)
	config := &plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.PluginSets(connection{}),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			proc.setEnv(environment(os.Environ(), spec.Env, cmd.Env, spec.Run, spec.Stage))
			return proc, nil
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     spec.StartTimeout,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: sockets},
		// go-plugin's own lines are of interest to its debugger only.
		Logger: hclog.New(&hclog.LoggerOptions{
			Name: "go-plugin", JSONFormat: true, Level: hclog.Debug, Output: newLineLog(spec.Log, slog.LevelDebug),
		}),
		GRPCDialOptions: wire.DialOptions(),
	}
	client := plugin.NewClient(config)
	type connected struct {
		protocol plugin.ClientProtocol
		err      error
	}
	result := make(chan connected, 1)
	began := time.Now()
	go func() { // ends when the process does, at the latest
		if _, err := client.Start(); err != nil {
			result <- connected{nil, err}
			return
		}
		if !proc.native() {
			// No TLS then. The socket lies in a directory that no other user can
			// enter.
			config.TLSConfig = nil
		}
		protocol, err := client.Client()
		result <- connected{protocol, err}
	}()
	// go-plugin limits the time to the handshake, not that of connecting.
	limit := time.NewTimer(spec.StartTimeout + connectTime)
	defer limit.Stop()
	var c connected
	select {
	case c = <-result:
	case <-limit.C:
		c.err = errors.New("no connection after the handshake")
	case <-ctx.Done():
		c.err = context.Cause(ctx)
	}
	if c.err != nil {
		proc.killNow()
		ended := proc.awaitEnd(killTime)
		go client.Kill() // frees go-plugin's goroutines, once the process has ended
		if ctx.Err() != nil {
			return nil, contract.Interrupted(context.Cause(ctx))
		}
		if !ended {
			return nil, fmt.Errorf("%w; its processes survive SIGKILL", c.err)
		}
		return nil, proc.startError(c.err, time.Since(began) >= spec.StartTimeout, spec.StartTimeout)
	}
	p := &Plugin{
		spec: spec, proc: proc, conn: c.protocol.(*plugin.GRPCClient).Conn,
		release: sync.OnceFunc(client.Kill),
		gone:    make(chan struct{}),
	}
	p.stop.done = make(chan struct{})
	p.stop.hurry, p.stop.rush = context.WithCancel(context.Background())
	p.base = pluginv1.NewPluginServiceClient(p.conn)
	p.life, p.cut = context.WithCancelCause(context.Background())
	p.sign()
	go func() {
		defer close(p.gone)
		<-proc.ended
		if stack := lines.panic(); stack != "" {
			spec.Log.Error("the plugin panicked", "plugin", spec.Binary.Name, "pid", p.pid, "stack", stack)
		}
		p.cut(p.death())
		p.release()
	}()
	return p, nil
}

const (
	connectTime = 5 * time.Second
	killTime    = 10 * time.Second // from SIGKILL to the end of a process
)

// awaitEnd waits for the end of the tree, if there is one.
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

// startError says why there was no handshake; the process has ended.
func (p *process) startError(err error, late bool, timeout time.Duration) error {
	if !p.started() {
		return err
	}
	exit, words := p.exit()
	switch greeting := p.greeting(); {
	case !exit.Started:
		err = errors.New(exit.String())
	case greeting != "" && !isHandshake(greeting):
		err = fmt.Errorf("it wrote %q to stdout where the handshake belongs: is it a proofline plugin?", greeting)
	case greeting == "" && late:
		err = fmt.Errorf("no handshake within %v", timeout)
	case greeting == "":
		err = fmt.Errorf("it ended before the handshake: %v", exit)
	}
	return withWords(err, words)
}

// withWords adds what the plugin wrote last.
func withWords(err error, words string) error {
	if words == "" {
		return err
	}
	return fmt.Errorf("%w; it wrote: %s", err, strings.ReplaceAll(words, "\n", " | "))
}

// connection is the client half of the one plugin in a set. The services are
// used on the connection itself.
type connection struct {
	plugin.NetRPCUnsupportedPlugin
}

func (connection) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves no plugin")
}

func (connection) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// prepare checks who answers and configures it.
func (p *Plugin) prepare(ctx context.Context) (err error) {
	if p.keeperPID, p.pid, err = p.proc.pids(ctx); err != nil {
		return err
	}
	described, err := call(ctx, p, "describe", p.spec.StartTimeout, p.base.Describe, &pluginv1.DescribeRequest{})
	if err != nil {
		return err
	}
	if p.manifest, err = wire.ManifestFromProto(described); err != nil {
		return contract.Permanent(err)
	}
	if difference := compare(p.spec.Binary.Manifest, p.manifest); difference != "" {
		return contract.Permanent(fmt.Errorf("plugin %s is not what the catalog says: %s (\"proofline plugins lock\" brings the catalog up to date)",
			p.spec.Binary.Path, difference))
	}
	answer, err := call(ctx, p, "configure", p.spec.ConfigureTimeout, p.base.Configure, wire.SetupToProto(contract.Setup{
		Pipeline: p.spec.Pipeline, Stage: p.spec.Stage, Config: p.spec.Config,
		StateDir: p.spec.StateDir, LogLevel: p.spec.LogLevel,
	}))
	if err != nil {
		return err
	}
	var findings []contract.Finding
	p.traits, findings = wire.TraitsFromProto(answer)
	for _, f := range findings {
		if f.Severity == contract.SeverityError {
			return contract.Permanent(&ConfigError{Stage: p.spec.Stage, Findings: findings})
		}
		p.spec.Log.Warn("configuration", "finding", f.String())
	}
	return nil
}

// compare names the first difference between two manifests, or returns "".
func compare(want, got contract.Manifest) string {
	for _, field := range []struct {
		name      string
		want, got any
	}{
		{"name", want.Name, got.Name},
		{"kind", want.Kind, got.Kind},
		{"version", want.Version, got.Version},
	} {
		if field.want != field.got {
			return fmt.Sprintf("its %s is %q, not %q", field.name, field.got, field.want)
		}
	}
	switch {
	case !sameList(want.Capabilities, got.Capabilities):
		return fmt.Sprintf("its capabilities are %q, not %q", got.Capabilities, want.Capabilities)
	case !sameList(want.Events, got.Events):
		return fmt.Sprintf("it wants the events %q, not %q", got.Events, want.Events)
	case !sameJSON(want.Schema, got.Schema):
		return "its configuration schema is another one"
	}
	return ""
}

func sameList[T any](a, b []T) bool { return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b) }

func sameJSON(a, b json.RawMessage) bool {
	var compactA, compactB bytes.Buffer
	if json.Compact(&compactA, a) != nil || json.Compact(&compactB, b) != nil {
		return false
	}
	return bytes.Equal(compactA.Bytes(), compactB.Bytes())
}

// ConfigError is what a plugin has against its configuration.
type ConfigError struct {
	Stage    string
	Findings []contract.Finding
}

func (e *ConfigError) Error() string {
	var texts []string
	for _, f := range e.Findings {
		texts = append(texts, f.String())
	}
	return fmt.Sprintf("stage %q: %s", e.Stage, strings.Join(texts, "; "))
}
