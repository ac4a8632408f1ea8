// Command reporter-archive is the plugin that stores finished blocks in a directory or
// in a bucket of an S3 service: block, witness, guest input, proof, the results of
// gates, the requests of other reporters, and a manifest of all these.
//
// Package archive describes the objects, and source-archive replays them. The manifest
// is stored last. Every object that a manifest lists was stored and compared before.
//
//	<number>-<hash, 8 digits>/
//	  chain.json, witness.json[.gz], block.json[.gz]   shared by all stages
//	  <stage>/
//	    <artifact>[.gz]              of an event proved or checked
//	    manifest.json
//	    requests/<reporter>/         requests of another reporter, with a manifest
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
