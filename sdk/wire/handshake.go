package wire

import (
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

	// MaxMessage is the largest message that either side accepts. Bulk data are
	// files, so a larger one is a fault.
	MaxMessage = 16 << 20

	// MaxResumeToken is the largest resume token, in bytes.
	MaxResumeToken = 4 << 10

	// HeartbeatInterval is the longest silence on the stream of a work call.
	HeartbeatInterval = 10 * time.Second
)

// Handshake is the cookie that tells a plugin that a host has started it. It is
// no secret and protects nothing: without it the binary is a command-line tool.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "PROOFLINE_PLUGIN",
	MagicCookieValue: "9b1c6f0e-proofline-stage-plugin",
}

// PluginSets is the argument of both plugin.ServeConfig and plugin.ClientConfig:
// the protocol versions that this build speaks, each with its one plugin.
func PluginSets(p plugin.Plugin) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{ProtocolVersion: {PluginName: p}}
}

// ServerOptions are the options of every gRPC server of a plugin.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage)}
}

// DialOptions are the options of every gRPC client of a plugin.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage))}
}
