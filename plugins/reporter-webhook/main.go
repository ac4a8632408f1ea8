// Command reporter-webhook is the plugin that hands every event on: as
// CloudEvents to a URL, as lines to a file, or to the standard input of a
// command.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

const name = "reporter-webhook"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewReporter(name, release.Version, open,
		sdk.Summary("Hands every event on as CloudEvents JSON: to a URL (signed), to a file, or to a command."),
		sdk.Events(contract.EventQueued, contract.EventProving, contract.EventProved, contract.EventChecked, contract.EventFailed,
			contract.EventAccepted,
			contract.EventNodeDown, contract.EventNodeRecovered, contract.EventProverStuck, contract.EventReporterRejected,
			contract.EventStageDown, contract.EventStageRecovered))
}
