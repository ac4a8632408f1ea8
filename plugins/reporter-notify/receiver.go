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

// webhook is the receiver that takes events and not messages.
const webhook = "webhook"

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// receiver is what one kind of receiver needs to be known for.
type receiver struct {
	events []contract.EventKind // handed on unless configured; nil for all
	remedy string               // what to do when the address or the token is refused
	// address and format are of a chat or a pager.
	address func(c Config) sdk.Secret
	format  func(c Config) chat.Format
	// hidden are secrets in paths and bodies; lost judges further answers.
	hidden func(c Config) []string
	lost   hook.Misaddressed
	// probe is an address to GET in the preflight, which writes nothing; without one
	// an empty message is posted where refuses says that the receiver takes none.
	probe   func(c Config) sdk.Secret
	refuses bool
	// withoutDigest: what is left out is not summed up.
	withoutDigest bool
}

// pagerKinds is all that a pager can get.
var pagerKinds = append(slices.Clone(chat.ForPagers), contract.EventFailed)

// receivers are the kinds. Another one is a file in package chat and an entry here.
var receivers = map[string]receiver{
	webhook: {remedy: "check url and headers of the stage and the receiver"},
	"slack": {
		events: chat.ForPeople, remedy: "make a new incoming webhook for the channel in Slack and set SLACK_WEBHOOK to it",
		address: ownURL, format: func(Config) chat.Format { return chat.Slack{} },
		refuses: true,
	},
	"discord": {
		events: chat.ForPeople, remedy: "make a new webhook in the channel's settings (Integrations) and set url to it",
		address: ownURL, format: func(Config) chat.Format { return chat.Discord{} },
		probe: ownURL, // answers with the webhook's name
	},
	"telegram": {
		events: chat.ForPeople, remedy: "check the bot's token (@BotFather shows it), that chat is right, and that the bot is a member of it",
		address: func(c Config) sdk.Secret { return telegramURL(c, "sendMessage") },
		format:  func(c Config) chat.Format { return chat.Telegram{Chat: c.Chat} },
		hidden:  func(c Config) []string { return []string{strings.TrimSpace(c.Token.Reveal())} },
		lost:    chat.TelegramLost,
		probe:   func(c Config) sdk.Secret { return telegramURL(c, "getMe") },
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

// poster returns the way to an address of the receiver.
func (r receiver) poster(c Config, address sdk.Secret, header http.Header) (*hook.Poster, error) {
	var hidden []string
	if r.hidden != nil {
		hidden = r.hidden(c)
	}
	poster, err := hook.New(address, header, c.Timeout.Std(), r.remedy, hidden...)
	if err != nil {
		return nil, err
	}
	poster.SetMisaddressed(r.lost)
	return poster, nil
}
