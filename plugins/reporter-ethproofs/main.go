// Command reporter-ethproofs is the plugin that reports to EthProofs which blocks are
// queued, proving and proved. Package delivery decides which requests are sent and
// when. Package ethproofs builds the requests and reads the answers. Package ledger
// records what was sent.
//
//	host event -> reporter -> delivery.Sender -> ethproofs.Client -> EthProofs
//	                              |
//	                          ledger.Ledger, ethproofs.Pace (the stage's state directory)
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
