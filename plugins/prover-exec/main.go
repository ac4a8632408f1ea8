// Command prover-exec is the plugin that runs a command line for each block, as a prover
// or as a gate. Package command runs the program and judges its result.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
)

func main() {
	sdk.Serve(sdk.NewProver("prover-exec", release.Version, open, sdk.Summary("Proves with any program, by a command line.")))
}
