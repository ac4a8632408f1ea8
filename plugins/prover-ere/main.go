// Command prover-ere is the plugin that has guest inputs proved by ere-servers, with any
// zkVM that they support. Package prover implements the stage, package server is the
// client of a server, and package container rewrites proofs.
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
