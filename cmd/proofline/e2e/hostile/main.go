// Command prover-hostile is a gate that misbehaves, for tests of the host. It implements
// the protocol itself, because the SDK prevents false results.
//
// Its config names a misbehaviour by block number, or one for every block:
//
//	blocks: {"3": panic, "4": panic once}
//	always: exit
//
// With "once" it misbehaves only in the first attempt at the block. Other blocks get a
// correct result. The key linger is the time of every attempt. With the key until, an
// attempt at one of the named blocks waits until that file exists.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/proofline/proofline/sdk/contract"
	pluginv1 "github.com/proofline/proofline/sdk/proto/proofline/plugin/v1"
	"github.com/proofline/proofline/sdk/wire"
)

var manifest = contract.Manifest{
	Name: "prover-hostile", Version: "6.6.6", Kind: contract.KindProver, Summary: "Misbehaves on demand.",
	Schema: json.RawMessage(`{"type":"object","properties":{"blocks":{"type":"object"},"always":{"type":"string"},"linger":{"type":"string"},"until":{"type":"string"},"gossip":{"type":"boolean"},"password":{"type":"string","writeOnly":true}}}`),
}

type config struct {
	Blocks   map[string]string `json:"blocks"`
	Always   string            `json:"always"`
	Linger   string            `json:"linger"` // as time.ParseDuration reads it
	Until    string            `json:"until"`  // path of a file
	Password string            `json:"password"`
	Gossip   bool              `json:"gossip"` // in its note and in its health, too
}

func main() {
	argument := "" // of a command line
	if len(os.Args) > 1 {
		argument = os.Args[1]
	}
	switch {
	case argument == "daemon": // what it forks; it keeps the plugin's output open
		signal.Ignore()
		for {
			_ = syscall.Pause()
		}
	case argument == "fork": // the half of a double fork that ends at once
		daemon := exec.Command(os.Args[0], "daemon")
		daemon.Stderr, daemon.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Setsid: true}
		if err := daemon.Start(); err != nil {
			panic(err)
		}
	case os.Getenv(wire.Handshake.MagicCookieKey) != "":
		serve()
	case argument == "describe":
		answer(manifest)
	case argument == "validate", argument == "check":
		answer([]contract.Finding{})
	default:
		fmt.Fprintf(os.Stderr, "prover-hostile: %q is no command; known are %v\n", argument, slices.Sorted(maps.Keys(tricks)))
		os.Exit(2)
	}
}

func answer(value any) {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		panic(err)
	}
}

func serve() {
	signal.Ignore(syscall.SIGINT)
	h := &hostile{stdout: os.Stdout, stderr: os.Stderr} // go-plugin replaces both
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.PluginSets(registration{h: h}),
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server { // no limit to what it sends
			return grpc.NewServer(options...)
		},
	})
}

type registration struct {
	plugin.NetRPCUnsupportedPlugin
	h *hostile
}

func (r registration) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServiceServer(s, r.h)
	pluginv1.RegisterProverServiceServer(s, r.h)
	return nil
}

func (registration) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

type hostile struct {
	pluginv1.UnimplementedPluginServiceServer
	pluginv1.UnimplementedProverServiceServer
	stdout, stderr *os.File
	config         config
	running        atomic.Int32
}

func (h *hostile) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return wire.ManifestToProto(manifest), nil
}

func (h *hostile) Check(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
	return &pluginv1.CheckResponse{}, nil
}

func (h *hostile) Configure(_ context.Context, r *pluginv1.ConfigureRequest) (*pluginv1.ConfigureResponse, error) {
	if err := json.Unmarshal(r.GetConfigJson(), &h.config); err != nil {
		return nil, wire.StatusError(contract.Permanent(err))
	}
	traits := contract.Traits{Note: "it will not behave"}
	if h.config.Gossip {
		traits.Note = "it will tell: " + h.gossip()
	}
	return wire.TraitsToProto(traits, nil), nil
}

func (h *hostile) Health(context.Context, *pluginv1.HealthRequest) (*pluginv1.HealthResponse, error) {
	health := contract.Health{State: contract.HealthReady}
	if h.config.Gossip {
		health = contract.Health{State: contract.HealthDegraded, Detail: h.gossip()}
	}
	answer := wire.HealthToProto(health)
	answer.Running = uint32(h.running.Load())
	return answer, nil
}

func (h *hostile) Drain(ctx context.Context, _ *pluginv1.DrainRequest) (*pluginv1.DrainResponse, error) {
	for h.running.Load() > 0 && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return &pluginv1.DrainResponse{Running: uint32(h.running.Load())}, nil
}

func (h *hostile) Prove(r *pluginv1.ProveRequest, out grpc.ServerStreamingServer[pluginv1.WorkEvent]) error {
	h.running.Add(1)
	defer h.running.Add(-1)
	task, err := wire.TaskFromProto(r.GetTask())
	if err != nil {
		return err
	}
	if err := beat(out); err != nil {
		return err
	}
	if linger, err := time.ParseDuration(h.config.Linger); err == nil {
		time.Sleep(linger)
	}
	what := cmp.Or(h.config.Blocks[strconv.FormatUint(task.Block.Number, 10)], h.config.Always)
	what, once := strings.CutSuffix(what, " once")
	for _, err := os.Stat(h.config.Until); what != "" && h.config.Until != "" && err != nil; _, err = os.Stat(h.config.Until) {
		if err := beat(out); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	trick, known := tricks[what]
	if what == "" || once && task.Attempt > 1 {
		trick, known = behave, true
	}
	if !known {
		return wire.StatusError(contract.Permanent(fmt.Errorf("there is no trick %q", what)))
	}
	fmt.Fprintf(h.stderr, "block %d, attempt %d: %q, and the password is %s\n", task.Block.Number, task.Attempt, what, h.config.Password)
	return trick(h, task, out)
}
