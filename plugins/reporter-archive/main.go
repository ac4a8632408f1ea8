// Command reporter-archive is the plugin that puts finished blocks into a directory or
// a bucket of an S3 service: block, witness, guest input, proof, what the gates have
// found, and what other reporters have sent, with a manifest of it all.
//
// Its objects are those that package archive describes; source-archive replays them.
// The manifest is stored last: what it lists is there, and was compared after it was
// stored.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

const name = "reporter-archive"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewReporter(name, release.Version, open,
		sdk.Summary("Puts finished blocks (input, proof, witness, request bodies, manifest) into a directory or an S3 bucket; source-archive replays them."),
		sdk.Events(contract.EventProved, contract.EventChecked, contract.EventAccepted),
		sdk.Capabilities(contract.CapabilityArtifacts))
}
