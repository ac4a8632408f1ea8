// Command reporter-notify is the plugin that tells people and programs what goes on:
// messages to Slack, Discord, Telegram or PagerDuty, and every event as CloudEvents
// to a URL, a file or a command.
package main

import (
	"github.com/proofline/proofline/plugins/internal/release"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

const name = "reporter-notify"

func main() { sdk.Serve(plugin()) }

func plugin() sdk.Plugin {
	return sdk.NewReporter(name, release.Version, open,
		sdk.Summary("Tells people (Slack, Discord, Telegram, PagerDuty) and programs (CloudEvents to a URL, a file or a command) what goes on; idle while no receiver is configured."),
		sdk.Events(contract.EventQueued, contract.EventProving, contract.EventProved, contract.EventChecked, contract.EventFailed,
			contract.EventAccepted,
			contract.EventNodeDown, contract.EventNodeRecovered, contract.EventProverStuck, contract.EventReporterRejected,
			contract.EventStageDown, contract.EventStageRecovered))
}
