package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

const (
	// ProtocolVersion is the major version of the protocol, the key of
	// go-plugin's VersionedPlugins. Optional additions within it are named by
	// Manifest.Capabilities.
	ProtocolVersion = 1

	// PluginName is the one name in the plugin set of every binary.
	PluginName = "proofline"

	// MaxMessage is the size in bytes of the largest message that either side accepts.
	// Bulk data are files, so a larger message is a fault.
	MaxMessage = 16 << 20

	// MaxResumeToken is the largest resume token, in bytes.
	MaxResumeToken = 4 << 10

	// HeartbeatInterval is the longest silence on the stream of a work call.
	HeartbeatInterval = 10 * time.Second
)

// Handshake is the cookie by which a plugin recognizes that a host has started it. It is
// no secret and protects nothing: without it the binary is a command-line tool.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "PROOFLINE_PLUGIN",
	MagicCookieValue: "9b1c6f0e-proofline-stage-plugin",
}

// PluginSets returns the plugin sets for plugin.ServeConfig and plugin.ClientConfig:
// protocol versions, each with its one plugin. Without versions it contains only
// ProtocolVersion.
func PluginSets(p plugin.Plugin, versions ...int) map[int]plugin.PluginSet {
	if len(versions) == 0 {
		versions = []int{ProtocolVersion}
	}
	sets := make(map[int]plugin.PluginSet, len(versions))
	for _, v := range versions {
		sets[v] = plugin.PluginSet{PluginName: p}
	}
	return sets
}

// CheckProtocol fails unless the version that a plugin speaks is among those that the host
// speaks. The error says in one sentence what is wrong and what to do.
func CheckProtocol(version int, spoken ...int) error {
	if slices.Contains(spoken, version) {
		return nil
	}
	speaks := make([]string, len(spoken))
	for i, v := range spoken {
		speaks[i] = strconv.Itoa(v)
	}
	oldest, newest, list := slices.Min(spoken), slices.Max(spoken), strings.Join(speaks, " and ")
	switch {
	case version < oldest:
		return fmt.Errorf("it speaks protocol %d, which has expired: this proofline speaks %s; install a newer release of the plugin", version, list)
	case version > newest:
		return fmt.Errorf("it speaks protocol %d, which this proofline does not know yet: it speaks %s; install a newer proofline, or an older release of the plugin", version, list)
	}
	return fmt.Errorf("it speaks protocol %d, this proofline %s; install another release of the plugin", version, list)
}

// ServerOptions returns the options of every gRPC server of a plugin.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage)}
}

// DialOptions returns the options of every gRPC client of a plugin.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage))}
}
