// Package proto holds the .proto files of the plugin protocol, for plugins that are
// not written in Go. The protocol is described in sdk/docs/PROTOCOL.md.
package proto

import "embed"

// Files holds the .proto files under their import paths, such as
// proofline/plugin/v1/plugin.proto.
//
//go:embed proofline/plugin/v1/*.proto
var Files embed.FS
