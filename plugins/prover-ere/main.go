// Command prover-ere is the plugin that has guest inputs proved by ere-servers, by
// any zkVM that those run. Package prover below it does the work.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/prover-ere/prover"
	"github.com/proofline/proofline/sdk"
)

func main() {
	sdk.Serve(sdk.NewProver("prover-ere", release.Version, prover.Open,
		sdk.Summary("Has guest inputs proved by ere-servers: ZisK, SP1, OpenVM and others.")))
}
