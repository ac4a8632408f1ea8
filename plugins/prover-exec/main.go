// Command prover-exec makes a prover, or a gate, of a command line: a plugin of
// proofline.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
)

func main() {
	sdk.Serve(sdk.NewProver("prover-exec", release.Version, open, sdk.Summary("Proves with any program, by a command line.")))
}
