// Command prover-zisk-cluster is the plugin that has guest inputs proved by a
// cluster of ZisK 0.17 to 1.0. Package cluster below it does the work.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/plugins/prover-zisk-cluster/cluster"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

func main() {
	sdk.Serve(sdk.NewProver("prover-zisk-cluster", release.Version, cluster.Open,
		sdk.Summary("Has guest inputs proved by the coordinator and workers of a ZisK cluster."),
		sdk.Capabilities(contract.CapabilityResumeToken)))
}
