package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/proofline/proofline/plugins/internal/hook"
	"github.com/proofline/proofline/plugins/reporter-notify/chat"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// webhook is the kind of receiver that gets events and not messages.
const webhook = "webhook"

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// receiver describes one kind of receiver.
type receiver struct {
	events []contract.EventKind // sent unless the configuration names others; nil for all
	remedy string               // for a refused address or token
	// address and format are those of a chat or a pager; nil for a webhook.
	address func(c Config) sdk.Secret
	format  func(c Config) chat.Format
	// hidden returns secrets in paths and bodies, which errors must not show. It may be nil.
	hidden func(c Config) []string
	// misaddressed recognizes answers that mean a wrong address. It may be nil.
	misaddressed hook.Misaddressed
	// probe returns an address that the preflight reads by GET, which writes nothing. Where
	// it is nil and rejectsEmpty is set, the preflight posts an empty message, which the
	// receiver rejects.
	probe        func(c Config) sdk.Secret
	rejectsEmpty bool
	// withoutDigest leaves out the digest of events that got no message.
	withoutDigest bool
}

// pagerKinds are all kinds of events that a pager can get.
var pagerKinds = append(slices.Clone(chat.ForPagers), contract.EventFailed)

// receivers describes the kinds of receivers by their names. A further kind needs a file
// in package chat and an entry here.
var receivers = map[string]receiver{
	webhook: {remedy: "check url and headers of the stage and the receiver"},
	"slack": {
		events: chat.ForPeople, remedy: "make a new incoming webhook for the channel in Slack and set SLACK_WEBHOOK to it",
		address: ownURL, format: func(Config) chat.Format { return chat.Slack{} },
		rejectsEmpty: true,
	},
	"discord": {
		events: chat.ForPeople, remedy: "make a new webhook in the channel's settings (Integrations) and set url to it",
		address: ownURL, format: func(Config) chat.Format { return chat.Discord{} },
		probe: ownURL, // answers with the webhook's name
	},
	"telegram": {
		events: chat.ForPeople, remedy: "check the bot's token (@BotFather shows it), that chat is right, and that the bot is a member of it",
		address:      func(c Config) sdk.Secret { return telegramURL(c, "sendMessage") },
		format:       func(c Config) chat.Format { return chat.Telegram{Chat: c.Chat} },
		hidden:       func(c Config) []string { return []string{strings.TrimSpace(c.Token.Reveal())} },
		misaddressed: chat.TelegramLost,
		probe:        func(c Config) sdk.Secret { return telegramURL(c, "getMe") },
	},
	"pagerduty": {
		events: chat.ForPagers, remedy: "check the integration key of the service (Events API v2)",
		address: func(c Config) sdk.Secret { return orDefault(c.URL, "https://events.pagerduty.com/v2/enqueue") },
		format: func(c Config) chat.Format {
			return chat.PagerDuty{RoutingKey: strings.TrimSpace(c.Token.Reveal())}
		},
		hidden:        func(c Config) []string { return []string{strings.TrimSpace(c.Token.Reveal())} },
		withoutDigest: true,
	},
}

func ownURL(c Config) sdk.Secret { return c.URL }

// orDefault returns the address, or usual where it is not set.
func orDefault(address sdk.Secret, usual string) sdk.Secret {
	if address.IsSet() {
		return address
	}
	return sdk.NewSecret(usual)
}

func telegramURL(c Config, method string) sdk.Secret {
	base := strings.TrimRight(strings.TrimSpace(orDefault(c.URL, "https://api.telegram.org").Reveal()), "/")
	return sdk.NewSecret(base + "/bot" + url.PathEscape(strings.TrimSpace(c.Token.Reveal())) + "/" + method)
}

// poster returns a poster to an address of the receiver. The caller closes it.
func (r receiver) poster(c Config, address sdk.Secret, header http.Header) (*hook.Poster, error) {
	var hidden []string
	if r.hidden != nil {
		hidden = r.hidden(c)
	}
	poster, err := hook.New(address, header, c.Timeout.Std(), r.remedy, hidden...)
	if err != nil {
		return nil, err
	}
	poster.SetMisaddressed(r.misaddressed)
	return poster, nil
}
