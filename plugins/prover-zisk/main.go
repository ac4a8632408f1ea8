// Command prover-zisk is the plugin that proves guest inputs with cargo-zisk 0.14 to 1.0
// on the machine on which it runs. Package prover below it does the work.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/prover-zisk/prover"
	"github.com/proofline/proofline/sdk"
)

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewProver("prover-zisk", release.Version, prover.Open,
		sdk.Summary("Proves guest inputs with ZisK's cargo-zisk on this machine's GPUs."),
		sdk.Commands(inspect()))
}
