package sdk_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/sdktest"
	"github.com/proofline/proofline/sdk/wire"
)

type connect struct{ plugin.NetRPCUnsupportedPlugin }

func (connect) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return errors.ErrUnsupported }
func (connect) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// host is a plugin process under a stock go-plugin client.
type host struct {
	client   *plugin.Client
	cmd      *exec.Cmd
	log      *sdktest.Buffer // standard error
	stdout   *sdktest.Buffer // go-plugin's stdio stream
	base     pluginv1.PluginServiceClient
	prover   pluginv1.ProverServiceClient
	stateDir string
}

func start(t *testing.T) *host {
	t.Helper()
	h := &host{cmd: exec.Command(os.Args[0]), log: &sdktest.Buffer{}, stdout: &sdktest.Buffer{}, stateDir: filepath.Join(t.TempDir(), "state")}
	h.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: wire.Handshake, VersionedPlugins: wire.PluginSets(connect{}), Cmd: h.cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, AutoMTLS: true, GRPCDialOptions: wire.DialOptions(),
		Stderr: h.log, SyncStdout: h.stdout, SyncStderr: h.stdout,
		Logger: hclog.New(&hclog.LoggerOptions{Output: io.Discard}),
	})
	t.Cleanup(h.client.Kill)
	protocol, err := h.client.Client()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := protocol.Dispense(wire.PluginName)
	if err != nil {
		t.Fatal(err)
	}
	h.base = pluginv1.NewPluginServiceClient(conn.(*grpc.ClientConn))
	h.prover = pluginv1.NewProverServiceClient(conn.(*grpc.ClientConn))
	return h
}

func (h *host) configure(t *testing.T, config string) *pluginv1.ConfigureResponse {
	t.Helper()
	r, err := h.base.Configure(t.Context(), wire.SetupToProto(contract.Setup{
		Pipeline: "p", Stage: "s", Config: json.RawMessage(config), StateDir: h.stateDir, LogLevel: "debug"}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// task makes an attempt directory with input.bin in it.
func task(t *testing.T) contract.Task {
	t.Helper()
	dir := t.TempDir()
	data := []byte("guest input")
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "input.bin"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	block := contract.Block{ChainID: 1, Number: 5, Hash: contract.Hash{1}}
	return contract.Task{Pipeline: "p", Stage: "s", Job: block.JobID(), Attempt: 1, Block: block, Dir: dir,
		Inputs: []contract.Artifact{{Name: "input.bin", Path: "in/input.bin", Size: int64(len(data)), SHA256: sha256.Sum256(data)}}}
}

// prove runs a task and returns all events.
func (h *host) prove(ctx context.Context, task contract.Task) (events []contract.WorkEvent, err error) {
	stream, err := h.prover.Prove(ctx, &pluginv1.ProveRequest{Task: wire.TaskToProto(task)})
	for err == nil {
		var message *pluginv1.WorkEvent
		if message, err = stream.Recv(); err == nil {
			event, err := wire.WorkEventFromProto(message)
			if err != nil {
				return events, err
			}
			events = append(events, event)
		}
	}
	if err == io.EOF {
		return events, nil
	}
	return events, wire.FromStatusError(err)
}

func TestServeWorks(t *testing.T) {
	h := start(t)
	describe, err := h.base.Describe(t.Context(), &pluginv1.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := wire.ManifestFromProto(describe)
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Name != "prover-test" || manifest.Kind != contract.KindProver || !manifest.Has(contract.CapabilityVerify) {
		t.Errorf("manifest: %+v", manifest)
	}
	if r := h.configure(t, `{"key":"k"}`); !r.GetMakesProof() || r.GetNote() != "a test" || len(r.GetFindings()) > 0 {
		t.Errorf("traits: %v", r)
	}
	if _, err := h.base.Configure(t.Context(), &pluginv1.ConfigureRequest{}); err == nil {
		t.Error("a second Configure was accepted")
	}
	task := task(t)
	events, err := h.prove(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	var resume []byte
	for _, e := range events {
		if e.Resume != nil {
			resume = e.Resume
		}
	}
	if string(resume) != "token" {
		t.Errorf("resume token %q", resume)
	}
	result := events[len(events)-1].Result
	if result == nil || len(result.Outputs) != 1 {
		t.Fatalf("last event: %+v", events[len(events)-1])
	}
	data, err := os.ReadFile(filepath.Join(task.Dir, result.Outputs[0].Path))
	if err != nil || string(data) != "GUEST INPUT" || result.Outputs[0].Size != int64(len(data)) || result.Outputs[0].Role != "proof" {
		t.Errorf("output %q, %+v, %v", data, result.Outputs[0], err)
	}
	if _, err := h.base.Drain(t.Context(), &pluginv1.DrainRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(h.stateDir, "closed")); err != nil {
		t.Errorf("Close was not called: %v", err)
	}
	if _, err := h.prove(t.Context(), task); contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("work after drain: %v", err)
	}
}

func TestServeConfigFindings(t *testing.T) {
	h := start(t)
	r := h.configure(t, `{"behavior":"copy","delay":"soon","token":"hunter2hunter2"}`)
	var got []string
	for _, f := range wire.FindingsFromProto(r.GetFindings()) {
		got = append(got, f.String())
	}
	want := []string{
		`error: config/delay: want a duration such as 30s or 1h30m, got "soon"`,
		`error: config/key: required field "key" is not set (Something that must be given.)`,
		`error: config/behavior: unknown field "behavior" (did you mean "behaviour"?)`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	both, err := h.base.Check(t.Context(), &pluginv1.CheckRequest{ConfigJson: []byte(`{"key":"bad","kee":1}`), Offline: true})
	if err != nil || len(both.GetFindings()) != 2 || both.GetFindings()[1].GetSummary() != "the key is bad" {
		t.Errorf("an unknown field hides what Validate finds: %v, %v", both.GetFindings(), err)
	}
	if _, err := h.prove(t.Context(), task(t)); err == nil || !strings.Contains(err.Error(), "not configured") {
		t.Errorf("work without a configuration: %v", err)
	}
}

func TestServeCancel(t *testing.T) {
	h := start(t)
	h.configure(t, `{"key":"k","behaviour":"wait"}`)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := h.prover.Prove(ctx, &pluginv1.ProveRequest{Task: wire.TaskToProto(task(t))})
	if err != nil {
		t.Fatal(err)
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if message.GetProgress().GetPhase() == "WAITING" {
			break
		}
	}
	if r, err := h.base.Health(t.Context(), &pluginv1.HealthRequest{}); err != nil || r.GetRunning() != 1 ||
		r.GetState() != pluginv1.HealthState_HEALTH_STATE_READY {
		t.Errorf("health during a call: %v, %v", r, err)
	}
	cancel()
	// Drain returns only when the handler has.
	if r, err := h.base.Drain(t.Context(), &pluginv1.DrainRequest{}); err != nil || r.GetRunning() != 0 {
		t.Errorf("drain: %v, %v", r, err)
	}
}

func TestServeTerminated(t *testing.T) {
	h := start(t)
	h.configure(t, `{"key":"k","behaviour":"wait"}`)
	ended := make(chan error, 1)
	go func() {
		_, err := h.prove(t.Context(), task(t))
		ended <- err
	}()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("a call during SIGTERM ended with %v", err)
	}
	for !h.client.Exited() {
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := os.Stat(filepath.Join(h.stateDir, "closed")); err != nil {
		t.Errorf("Close was not called: %v", err)
	}
}

func TestServePanic(t *testing.T) {
	h := start(t)
	h.configure(t, `{"key":"k","behaviour":"panic","token":"hunter2hunter2"}`)
	_, err := h.prove(t.Context(), task(t))
	if !wire.IsPanic(err) || contract.ClassOf(err) != contract.ClassRetryable {
		t.Errorf("panic: %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error holds the secret: %v", err)
	}
	for !h.client.Exited() {
		time.Sleep(10 * time.Millisecond)
	}
	if code := h.cmd.ProcessState.ExitCode(); code != 2 {
		t.Errorf("exit code %d", code)
	}
	if log := h.log.String(); !strings.Contains(log, "testProver") || strings.Contains(log, "hunter2") {
		t.Errorf("the log has no stack or the secret:\n%s", log)
	}
}

func TestServeErrorsAndOutput(t *testing.T) {
	tests := []struct {
		name, config, want string
		class              contract.Class
	}{
		{"environment", `{"key":"k","behaviour":"fail","token":"hunter2hunter2"}`, "no gpu for [redacted] (plug one in)", contract.ClassEnvironment},
		{"false result", `{"key":"k","behaviour":"lie"}`, `result: output "proof.bin"`, contract.ClassPermanent},
		{"print", `{"key":"k","behaviour":"print","token":"hunter2hunter2"}`, "", ""},
		{"leak", `{"key":"k","behaviour":"leak"}`, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := start(t)
			h.configure(t, test.config)
			_, err := h.prove(t.Context(), task(t))
			switch {
			case test.class == "" && err != nil:
				t.Fatal(err)
			case test.class != "" && (err == nil || contract.ClassOf(err) != test.class || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("error %v, want %s %q", err, test.class, test.want)
			}
			h.client.Kill()
			log := h.log.String()
			if strings.Contains(log, "hunter2") || !strings.Contains(log, `"@message":"opened"`) {
				t.Errorf("log:\n%s", log)
			}
			if test.name == "print" && (!strings.Contains(log, "text on stdout, cookie true") || !strings.Contains(log, "text on stderr")) {
				t.Errorf("printed text is not in the log:\n%s", log)
			}
			if h.stdout.String() != "" {
				t.Errorf("text on go-plugin's stdio stream: %q", h.stdout.String())
			}
		})
	}
}

// parent is a host without a keeper, for TestServeEndsWithItsParent.
func parent() {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{cookie + "=" + wire.Handshake.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + os.Getenv(asParent)}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = bufio.NewReader(out).ReadString('\n')
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(cmd.Process.Pid)
	_ = cmd.Wait()
}

func TestServeEndsWithItsParent(t *testing.T) {
	t.Parallel()
	host := exec.Command(os.Args[0])
	host.Env = []string{asParent + "=" + t.TempDir()}
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanln(out, &pid); err != nil {
		t.Fatal(err)
	}
	_ = host.Process.Kill()
	_ = host.Wait()
	for { // ends with the test's time limit
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if _, rest, _ := strings.Cut(string(stat), ") "); err != nil || strings.HasPrefix(rest, "Z") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
