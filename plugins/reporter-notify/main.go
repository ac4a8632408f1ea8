// Command reporter-notify is the plugin that informs people and programs about events.
// People get messages in Slack, Discord, Telegram or PagerDuty. Programs get each event
// as a CloudEvent at a URL, in a file or by a command.
//
//	           +-> chatReceiver: message.Throttle -> message.Sender -> chat.Format -> HTTP
//	event -> reporter
//	           +-> eventReceiver: cloudevent -> HTTP, target.File or target.Command
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
