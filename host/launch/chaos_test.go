package launch

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/proofline/proofline/host/keeper"
	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

// TestMain makes the test binary the host, the keeper, the plugin, or a process that the
// plugin starts.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "keeper":
		os.Exit(keeper.Main(os.Args[2:]))
	case len(os.Args) > 1 && os.Args[1] == "sleeper":
		for {
			_ = syscall.Pause()
		}
	case len(os.Args) > 1 && os.Args[1] == "fork": // half of a double fork
		fmt.Println(spawnSleeper(&syscall.SysProcAttr{Setsid: true}))
		return
	case len(os.Args) > 2 && os.Args[1] == "host":
		playHost(os.Args[2])
		return
	case os.Getenv(wire.Handshake.MagicCookieKey) != "":
		playPlugin(os.Getenv("CHAOS"))
		return
	}
	goleak.VerifyTestMain(m)
}

// chaosManifest is the manifest of the plugin below, which does what the job of a task
// names.
var chaosManifest = contract.Manifest{
	Name: "prover-chaos", Version: "1.0.0", Kind: contract.KindProver, Summary: "Misbehaves on demand.",
	Schema: json.RawMessage(`{"type":"object"}`), Capabilities: []string{contract.CapabilityVerify},
}

// playPlugin misbehaves at its start as the variable CHAOS names, and then serves.
func playPlugin(start string) {
	manifest := chaosManifest
	switch start {
	case "blank":
		fmt.Println()
	case "garbage":
		fmt.Println("Hello, world!")
		select {}
	case "long garbage":
		fmt.Println(strings.Repeat("x", 300<<10))
		time.Sleep(time.Hour)
	case "exit":
		fmt.Fprintln(os.Stderr, "libcuda.so.1: cannot open shared object file")
		os.Exit(3)
	case "late":
		time.Sleep(time.Hour)
	case "frozen":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Hour)
	case "stranger":
		manifest.Version = "9.9.9"
	}
	version := wire.ProtocolVersion
	if start == "next" {
		version = nextProtocol
	}
	signal.Ignore(syscall.SIGINT)
	stdout, stderr := os.Stdout, os.Stderr
	server := chaosServer{manifest: manifest, version: version, stdout: stdout, stderr: stderr}
	if start == "bare" {
		serveBare(server)
	}
	var provider func() (*tls.Config, error)
	if start == "certified" { // as package sdk does
		provider = func() (*tls.Config, error) {
			return wire.ServerTLS(os.Getenv(wire.ClientCertificateVariable), stdout)
		}
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.PluginSets(server, version),
		Logger:           hclog.NewNullLogger(),
		TLSProvider:      provider,
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, wire.ServerOptions()...)...)
		},
	})
}

// serveBare does the minimum that the protocol requires, without go-plugin, as a plugin in
// another language does.
func serveBare(server chaosServer) {
	path := filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "plugin")
	listener, err := net.Listen("unix", path)
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer(wire.ServerOptions()...)
	_ = server.GRPCServer(nil, s)
	fmt.Printf("1|%d|unix|%s|grpc\n", wire.ProtocolVersion, path)
	panic(s.Serve(listener))
}

type chaosServer struct {
	plugin.NetRPCUnsupportedPlugin
	manifest       contract.Manifest
	version        int // of the protocol
	stdout, stderr *os.File
}

func (c chaosServer) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	service := &chaos{chaosServer: c}
	if c.version == nextProtocol {
		s.RegisterService(next(pluginv1.PluginService_ServiceDesc), service)
		s.RegisterService(next(pluginv1.ProverService_ServiceDesc), service)
		return nil
	}
	pluginv1.RegisterPluginServiceServer(s, service)
	pluginv1.RegisterProverServiceServer(s, service)
	return nil
}

func (chaosServer) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

type chaos struct {
	pluginv1.UnimplementedPluginServiceServer
	pluginv1.UnimplementedProverServiceServer
	chaosServer
	config  struct{ Secret, Configure string }
	running atomic.Int32
}

func (c *chaos) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return wire.ManifestToProto(c.manifest), nil
}

func (c *chaos) Configure(_ context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	if err := json.Unmarshal(r.GetConfigJson(), &c.config); err != nil {
		return nil, err
	}
	switch c.config.Configure {
	case "finding":
		return wire.TraitsToProto(contract.Traits{}, []contract.Finding{
			{Severity: contract.SeverityError, Pointer: "/elf", Summary: "no such file", Remedy: "build the guest"}}), nil
	case "environment":
		return nil, wire.StatusError(contract.Environment(fmt.Errorf("no GPU"), "load the driver"))
	case "exit":
		fmt.Fprintln(c.stderr, "panic: assignment to entry in nil map")
		os.Exit(2)
	}
	return wire.TraitsToProto(contract.Traits{MakesProof: true, Note: "chaos " + r.GetStage()}, nil), nil
}

func (c *chaos) Health(context.Context, *pluginv1.HealthRequest) (*pluginv1.HealthResponse, error) {
	answer := wire.HealthToProto(contract.Health{State: contract.HealthReady})
	answer.Running = uint32(c.running.Load())
	return answer, nil
}

func (c *chaos) Check(_ context.Context, r *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	return &pluginv1.CheckResponse{Findings: wire.FindingsToProto([]contract.Finding{
		{Severity: contract.SeverityInfo, Summary: fmt.Sprintf("offline %v", r.GetOffline())}})}, nil
}

func (c *chaos) Drain(ctx context.Context, _ *pluginv1.DrainRequest) (*pluginv1.DrainResponse, error) {
	for c.running.Load() > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return &pluginv1.DrainResponse{Running: uint32(c.running.Load())}, nil
}

func (c *chaos) Verify(_ *pluginv1.VerifyRequest, out grpc.ServerStreamingServer[pluginv1.WorkEvent]) error {
	return send(out, contract.WorkEvent{Result: &contract.Result{}})
}

func (c *chaos) Prove(r *pluginv1.ProveRequest, out grpc.ServerStreamingServer[pluginv1.WorkEvent]) error {
	c.running.Add(1)
	defer c.running.Add(-1)
	facts := map[string]string{}
	beat := func() { _ = send(out, contract.WorkEvent{Progress: &contract.Progress{Fraction: -1}}) }
	beat()
	switch job := r.GetTask().GetJob(); job {
	case "count":
		for i := range 100 {
			_ = send(out, contract.WorkEvent{Progress: &contract.Progress{Phase: strconv.Itoa(i), Fraction: float64(i) / 100}})
		}
		_ = send(out, contract.WorkEvent{Resume: []byte("token")})
	case "environment":
		for _, entry := range os.Environ() {
			name, value, _ := strings.Cut(entry, "=")
			facts[name] = value
		}
	case "exit":
		fmt.Fprintln(c.stderr, "fatal error: out of memory")
		os.Exit(7)
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Hour)
	case "freeze": // this thread may run on for a moment
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Hour)
	case "silent": // no heartbeat, ignores the cancellation
		time.Sleep(time.Hour)
	case "patient": // heartbeats until it is cancelled, then tidies up
		for out.Context().Err() == nil {
			beat()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(50 * time.Millisecond)
		_ = os.WriteFile(filepath.Join(r.GetTask().GetDir(), "tidied"), nil, 0o600)
		return out.Context().Err()
	case "stubborn": // heartbeats, ignores the cancellation
		for {
			beat()
			time.Sleep(time.Millisecond)
		}
	case "flood":
		fmt.Fprintln(c.stderr, `{"@message":5,"@level":{},"@timestamp":[]}`)
		fmt.Fprintln(c.stderr, strings.Repeat("long ", 1<<20))
		fmt.Fprintln(c.stdout, "text on stdout")
		fmt.Fprintln(c.stdout, strings.Repeat("long ", 1<<20))
		for i := range 20000 {
			fmt.Fprintln(c.stderr, `{"@level":"debug","@message":"line","n":`+strconv.Itoa(i)+`}`)
		}
		fmt.Fprintln(c.stderr, `{"@message":"the end","@level":"info","block":7}`)
	case "family":
		child := spawnSleeper(nil)
		fork := exec.Command(os.Args[0], "fork")
		fork.Stderr = c.stderr
		out, err := fork.Output()
		if err != nil {
			return err
		}
		facts["pids"] = fmt.Sprintf("%d %d %s", os.Getpid(), child, strings.TrimSpace(string(out)))
	case "nonsense":
		_ = out.Send(&pluginv1.WorkEvent{Event: &pluginv1.WorkEvent_Publish{
			Publish: &pluginv1.Artifact{Name: "x", Path: "../../etc/passwd"}}})
		<-out.Context().Done()
		time.Sleep(50 * time.Millisecond)
		_ = os.WriteFile(filepath.Join(r.GetTask().GetDir(), "tidied"), nil, 0o600)
	case "refuse":
		return wire.StatusError(contract.Permanent(fmt.Errorf("the block has no transactions")))
	case "empty":
		return nil
	}
	return send(out, contract.WorkEvent{Result: &contract.Result{Facts: facts}})
}

func send(out grpc.ServerStreamingServer[pluginv1.WorkEvent], e contract.WorkEvent) error {
	return out.Send(wire.WorkEventToProto(e))
}

func spawnSleeper(attr *syscall.SysProcAttr) int {
	cmd := exec.Command(os.Args[0], "sleeper")
	cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return cmd.Process.Pid
}
