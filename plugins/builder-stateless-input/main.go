// Command builder-stateless-input makes the SSZ StatelessInput of a block from the
// block and its execution witness: what guest programs of ethrex, reth, zesu and
// nimbus read on ZisK, SP1 and OpenVM, from the Amsterdam fork on, and of those that
// take them also blocks of earlier forks. It is a plugin of proofline, and by hand a
// tool that builds, inspects and compares inputs.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
)

const name = "builder-stateless-input"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewBuilder(name, release.Version, open,
		sdk.Summary("Builds the SSZ input of stateless guest programs, for Amsterdam blocks and earlier ones, from a block and its execution witness."),
		sdk.Capabilities(sdk.CapabilitySandbox),
		sdk.Commands(buildCommand(), inspectCommand(), diffCommand(), guestsCommand()))
}
