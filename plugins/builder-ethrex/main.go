// Command builder-ethrex is a plugin of proofline that builds the rkyv input of ethrex's
// guests from a block and its execution witness. Started by hand, it is a tool that builds,
// inspects and compares inputs.
//
//	sdk/witness ──► ethblock ─┐
//	(block, witness)          ├─► input ──► rkyv ──► guest (framing) ──► file
//	             └──► mpt ────┘
//
//	file ──► inspect (its own description of the layouts)
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
