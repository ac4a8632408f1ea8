// Command source-devchain is a plugin of proofline that runs a development chain: a
// go-ethereum node in the plugin process makes a block every few seconds. The source reads
// the blocks from it over JSON-RPC, as source-rpc reads any node. It needs no network, no
// peers and no account.
//
//	package load      the content of the blocks
//	package chain     the node, and its recovery after a crash
//	package journal   the durable list of blocks, from which the node can be rebuilt
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
