// Command reporter-slack is the plugin that writes to a Slack channel what an
// operator wants to know: failed blocks, accepted proofs, and alerts.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

const name = "reporter-slack"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewReporter(name, release.Version, open,
		sdk.Summary("Writes failed blocks, accepted proofs and alerts to a Slack channel; idle while no webhook is configured."),
		sdk.Events(contract.EventQueued, contract.EventProving, contract.EventProved, contract.EventChecked, contract.EventFailed,
			contract.EventAccepted,
			contract.EventNodeDown, contract.EventNodeRecovered, contract.EventProverStuck, contract.EventReporterRejected,
			contract.EventStageDown, contract.EventStageRecovered))
}
