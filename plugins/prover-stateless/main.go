// Command prover-stateless is a plugin of proofline that executes each block from its
// witness with go-ethereum on the CPU, and compares the outcome with the block's header. It
// makes no proof. It is a gate for the stages that take GPU time.
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
