// Command reporter-ethproofs is the plugin that tells EthProofs which blocks are
// queued, proving and proved. What it says and when is package delivery; how it
// says it is package ethproofs.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

const name = "reporter-ethproofs"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewReporter(name, release.Version, open,
		sdk.Summary("Reports queued, proving and proved blocks to EthProofs; a dry run while nothing is configured."),
		sdk.Events(contract.EventQueued, contract.EventProving, contract.EventProved, contract.EventFailed),
		sdk.Commands(commands()...))
}
