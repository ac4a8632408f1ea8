// Command builder-ethrex makes the guest input of ethrex from a block and its
// execution witness: a plugin of proofline, and by hand a tool that builds,
// inspects and compares inputs.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
)

const name = "builder-ethrex"

func main() {
	sdk.Serve(sdk.NewBuilder(name, release.Version, open,
		sdk.Summary("Builds the input of ethrex guest programs for ZisK from a block and its execution witness."),
		sdk.Capabilities(sdk.CapabilitySandbox),
		sdk.Commands(buildCommand(), inspectCommand(), diffCommand(), guestsCommand()),
	))
}
