package sdktest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/procfs"
	"github.com/proofline/proofline/sdk/wire"
)

// Target is a plugin to test. It is made by Binary or InProcess.
type Target interface {
	// start starts the plugin with directories of its own.
	start(ctx context.Context, place place) (*instance, error)
}

// place holds the directories of an instance. The plugin may write to its state directory
// and to the directories of its tasks, and nowhere else.
type place struct {
	work, home, temp, state, sockets string
}

// Binary returns the target of a plugin's executable. It is started with an environment
// of PATH, HOME, TMPDIR, the variables that go-plugin needs, and those given here as
// "NAME=value".
func Binary(path string, env ...string) Target { return binary{path, env} }

type binary struct {
	path string
	env  []string
}

// markName is the name of the environment variable that all processes of an instance
// inherit.
const markName = "PROOFLINE_SDKTEST_ID"

// command returns the command that starts the binary as a plugin, if cookie is true, or
// as a tool. The mark is the value of the variable markName.
func (b binary) command(place place, cookie bool, args ...string) (cmd *exec.Cmd, mark string, err error) {
	path, err := filepath.Abs(b.path)
	if err != nil {
		return nil, "", err
	}
	cmd = exec.Command(path, args...)
	cmd.Dir = place.work
	mark = rand.Text()
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + place.home, "TMPDIR=" + place.temp, markName + "=" + mark,
	}, b.env...)
	if cookie {
		cmd.Env = append(cmd.Env,
			wire.Handshake.MagicCookieKey+"="+wire.Handshake.MagicCookieValue,
			fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", wire.ProtocolVersion),
			"PLUGIN_UNIX_SOCKET_DIR="+place.sockets)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second // for descendants that hold the pipes
	return cmd, mark, nil
}

func (b binary) start(ctx context.Context, place place) (*instance, error) {
	cmd, mark, err := b.command(place, true)
	if err != nil {
		return nil, err
	}
	i := &instance{log: &Buffer{}, stdout: newHandshake(), cmd: cmd, mark: mark, place: place, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = i.stdout, i.log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(i.ended)
		_ = cmd.Wait() // the state is in cmd.ProcessState
	}()
	var line string
	select {
	case line = <-i.stdout.first:
	case <-i.ended:
		return nil, fmt.Errorf("the plugin ended with %v before the handshake: %s", cmd.ProcessState, i.log)
	case <-ctx.Done():
		i.stop()
		return nil, fmt.Errorf("no handshake: %w", ctx.Err())
	}
	address, err := parseHandshake(line)
	if err == nil {
		err = i.dial("unix:" + address)
	}
	if err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

// parseHandshake returns the address in go-plugin's handshake line. Its fields are the
// core version, the protocol version, network, address, transport, and a certificate,
// which is absent here.
func parseHandshake(line string) (address string, err error) {
	parts := strings.Split(line, "|")
	want := fmt.Sprintf("1|%d|unix|ADDRESS|grpc", wire.ProtocolVersion)
	if len(parts) < 5 || parts[0] != "1" || parts[1] != fmt.Sprint(wire.ProtocolVersion) || parts[2] != "unix" || parts[4] != "grpc" {
		return "", fmt.Errorf("the first line of standard output is %q, want %s", line, want)
	}
	return parts[3], nil
}

// handshake receives a plugin's standard output: the handshake line, and the rest, which
// should be empty.
type handshake struct {
	first chan string
	mu    sync.Mutex
	line  []byte
	rest  bytes.Buffer
	done  bool
}

func newHandshake() *handshake { return &handshake{first: make(chan string, 1)} }

func (h *handshake) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return h.rest.Write(p)
	}
	h.line = append(h.line, p...)
	if line, rest, ok := bytes.Cut(h.line, []byte("\n")); ok {
		h.done = true
		h.first <- string(line)
		h.rest.Write(rest)
	}
	return len(p), nil
}

// extra returns the output after the handshake line.
func (h *handshake) extra() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rest.String()
}

// InProcess returns a target that serves the plugin in the test's own process, over gRPC.
func InProcess(p sdk.Plugin) Target { return inProcess{p} }

type inProcess struct{ plugin sdk.Plugin }

func (t inProcess) start(_ context.Context, place place) (*instance, error) {
	socket := filepath.Join(place.sockets, "plugin")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	i := &instance{log: &Buffer{}, place: place, ended: make(chan struct{})}
	life, end := context.WithCancel(context.Background())
	i.end = end
	go func() {
		defer close(i.ended)
		i.err = t.plugin.ServeListener(life, listener, i.log)
	}()
	return i, i.dial("unix:" + socket)
}

// dial connects to the plugin without transport security, as a host does that has given
// the plugin no certificate.
func (i *instance) dial(target string) (err error) {
	i.conn, err = grpc.NewClient(target, append(wire.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))...)
	return err
}

// stop asks an instance to end, kills it after killAfter if it has not ended, and waits
// for its end. It also kills the processes that the instance has left behind.
func (i *instance) stop() {
	defer os.RemoveAll(i.place.sockets)
	if i.conn != nil {
		_ = i.shutdown()
		_ = i.conn.Close()
	}
	if i.cmd == nil {
		i.end()
		<-i.ended
		return
	}
	select {
	case <-i.ended:
	case <-time.After(i.killAfter):
		_ = syscall.Kill(-i.cmd.Process.Pid, syscall.SIGKILL)
		<-i.ended
	}
	procfs.Variable(markName, i.mark).KillAll()
}

// shutdown asks the process to end, as go-plugin's client does. The plugin ends the
// connection, so that the answer to the call may be lost.
func (i *instance) shutdown() error {
	if i.cmd == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return i.conn.Invoke(ctx, "/plugin.GRPCController/Shutdown", &emptypb.Empty{}, &emptypb.Empty{})
}

// leftovers returns the ids of the processes that the instance has started, without one.
func (i *instance) leftovers(except int) []int {
	return slices.DeleteFunc(procfs.Variable(markName, i.mark).Find(), func(pid int) bool { return pid == except })
}
