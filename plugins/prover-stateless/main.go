// Command prover-stateless is the plugin that executes each block again from its
// witness, on the CPU with go-ethereum, and compares the outcome with the block's
// header. It is a gate before the stages that cost GPU time: it makes no proof.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
)

const name = "prover-stateless"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewProver(name, release.Version, open,
		sdk.Summary("Executes each block from its witness with go-ethereum and compares every root; checks, proves nothing."),
		sdk.Capabilities(sdk.CapabilitySandbox),
		sdk.Commands(executeCommand()))
}
