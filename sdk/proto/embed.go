// Package proto holds the .proto files of the plugin protocol, for plugins that are
// not written in Go. The page on the protocol is sdk/docs/PROTOCOL.md.
package proto

import "embed"

// Files are the .proto files by import path.
//
//go:embed proofline/plugin/v1/*.proto
var Files embed.FS
