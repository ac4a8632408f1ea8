// Command source-devchain is the plugin that brings its own chain: a go-ethereum
// node in the plugin process makes a block every few seconds, and the blocks are
// read from it over JSON-RPC as source-rpc reads any node. It needs no network,
// no peers and no account.
//
// What a block holds is package load, how the chain outlives crashes packages
// chain and journal.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
)

const name = "source-devchain"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewSource(name, release.Version, open,
		sdk.Summary("Runs a development chain of its own with a varied load, and hands out its blocks and witnesses."))
}
