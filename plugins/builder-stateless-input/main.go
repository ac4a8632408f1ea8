// Command builder-stateless-input is a plugin of proofline that builds the SSZ
// StatelessInput of a block from the block and its execution witness. Guest programs of
// ethrex, reth, zesu and nimbus read this input on ZisK, SP1 and OpenVM. They accept blocks
// of the Amsterdam fork, and some of them also blocks of earlier forks. Started by hand, the
// plugin is a tool that builds, inspects and compares inputs.
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
