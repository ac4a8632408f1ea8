package main

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/proofline/proofline/plugins/internal/secret"
	"github.com/proofline/proofline/plugins/reporter-notify/cloudevent"
	"github.com/proofline/proofline/sdk"
)

// Config is the config block of the stage.
type Config struct {
	To  string     `json:"to" doc:"What kind of receiver it is. Unset means webhook where one of file, command, secret, headers and source is set, discord for an address of Discord, and else slack." enum:"slack,discord,telegram,pagerduty,webhook"`
	URL sdk.Secret `json:"url" doc:"Slack: incoming webhook of the channel (https://hooks.slack.com/services/…). Discord: webhook of the channel. webhook: where events are posted to as CloudEvents, one request each. Telegram and PagerDuty: another server than the usual one. Without the address or token that its kind needs the stage is idle." format:"url"`

	Token sdk.Secret `json:"token" doc:"Telegram: the bot's token. PagerDuty: the integration key of the service (Events API v2)."`
	Chat  string     `json:"chat" doc:"Telegram: number of the chat, or @name of a channel."`

	File    string                `json:"file" doc:"webhook: file that events are appended to, one line each. It may be rotated away at any time."`
	Command []string              `json:"command" doc:"webhook: program and arguments, run once per event with one line on its standard input. Exit code 0 is success."`
	Secret  sdk.Secret            `json:"secret" doc:"webhook: signs each request with HMAC-SHA256 (Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature). whsec_ and base64, or any text of at least 16 bytes."`
	Headers map[string]sdk.Secret `json:"headers" doc:"webhook: further headers of each request, such as Authorization."`
	Source  string                `json:"source" doc:"webhook: the CloudEvents source attribute; /proofline/<pipeline> when not set."`

	Events    []string     `json:"events" doc:"The kinds of event to hand on. Unset means all of them for webhook, failures, accepted proofs and alerts for a chat, alerts for PagerDuty." enum:"queued,proving,proved,checked,failed,accepted,node_down,node_recovered,prover_stuck,reporter_rejected,stage_down,stage_recovered"`
	Label     string       `json:"label" doc:"Name of this installation, shown in every message." max:"80"`
	PerMinute int          `json:"per_minute" doc:"Messages a minute to a chat; what is beyond is summed up in one message. Slack takes about one a second, Telegram 20 a minute in a group." default:"10" min:"1" max:"60"`
	Window    sdk.Duration `json:"window" doc:"Alerts with the same stage and reason within this time are one message and a count." default:"15m" min:"1s"`
	Timeout   sdk.Duration `json:"timeout" doc:"How long one request or one run of the command may take." default:"30s" min:"1s" max:"10m"`
}

// kind returns the kind of the receiver, a key of receivers.
func (c Config) kind() string {
	switch {
	case c.To != "":
		return c.To
	case c.File != "" || len(c.Command) > 0 || c.Secret.IsSet() || len(c.Headers) > 0 || c.Source != "":
		return webhook
	}
	u, err := url.Parse(strings.TrimSpace(c.URL.Reveal()))
	if err == nil {
		host := strings.ToLower(u.Hostname())
		for _, discord := range []string{"discord.com", "discordapp.com"} {
			if (host == discord || strings.HasSuffix(host, "."+discord)) && strings.HasPrefix(u.Path, "/api/webhooks/") {
				return "discord"
			}
		}
	}
	return "slack"
}

// isIdle reports whether no receiver is configured.
func (c Config) isIdle() bool {
	switch c.kind() {
	case webhook:
		return !c.URL.IsSet() && c.File == "" && len(c.Command) == 0
	case "telegram", "pagerduty":
		return !c.Token.IsSet()
	}
	return !c.URL.IsSet()
}

// wants reports whether events of the kind are sent to the receiver.
func (c Config) wants(kind sdk.EventKind) bool {
	if len(c.Events) > 0 {
		return slices.Contains(c.Events, string(kind))
	}
	wanted := receivers[c.kind()].events
	return wanted == nil || slices.Contains(wanted, kind)
}

// Validate returns what is wrong with the values. It makes no request.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	problem := func(pointer, summary, remedy string) {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: summary, Remedy: remedy})
	}
	for pointer, text := range map[string]sdk.Secret{"/url": c.URL, "/token": c.Token} {
		if _, err := secret.Clean("the value (not shown)", text.Reveal()); err != nil {
			problem(pointer, err.Error(), "set it to the text alone, without line breaks inside")
		}
	}
	kind := c.kind()
	c.validateForeign(kind, problem)
	if kind == webhook {
		c.validateWebhook(problem)
	}
	if kind == "telegram" && c.Token.IsSet() && c.Chat == "" {
		problem("/chat", "the token is set, but not the chat that the bot writes to", "set chat to the chat's number, or to @name for a channel")
	}
	if kind == "pagerduty" {
		for i, event := range c.Events {
			if !slices.Contains(pagerKinds, sdk.EventKind(event)) {
				problem(fmt.Sprintf("/events/%d", i), fmt.Sprintf("%s is not a failure: PagerDuty would alert somebody for it", event), "leave it out, or send it to a chat")
			}
		}
	}
	address := strings.TrimSpace(c.URL.Reveal())
	isLocal := strings.HasPrefix(address, "http://127.0.0.1:") || strings.HasPrefix(address, "http://localhost:")
	if address != "" && !strings.HasPrefix(address, "https://") && len(findings) == 0 {
		switch {
		case !strings.HasPrefix(address, "http://"):
			problem("/url", "the URL (not shown) is neither http nor https", "")
		case kind != webhook && !isLocal:
			findings = append(findings, sdk.Finding{Severity: sdk.SeverityWarning, Pointer: "/url",
				Summary: "the webhook (not shown) is no https URL: whoever reads it on the way can write to the channel", Remedy: receivers[kind].remedy})
		}
	}
	slices.SortFunc(findings, func(a, b sdk.Finding) int { return strings.Compare(a.Pointer, b.Pointer) })
	return findings
}

// validateForeign reports fields that only another kind of receiver has.
func (c Config) validateForeign(kind string, problem func(pointer, summary, remedy string)) {
	for _, field := range []struct {
		pointer string
		set     bool
		kinds   string
	}{
		{"/token", c.Token.IsSet(), "telegram pagerduty"}, {"/chat", c.Chat != "", "telegram"},
		{"/file", c.File != "", webhook}, {"/command", len(c.Command) > 0, webhook}, {"/secret", c.Secret.IsSet(), webhook},
		{"/headers", len(c.Headers) > 0, webhook}, {"/source", c.Source != "", webhook},
	} {
		if field.set && !strings.Contains(field.kinds, kind) {
			problem(field.pointer, fmt.Sprintf("a receiver of the kind %s has no %s", kind, field.pointer[1:]), "set to: "+strings.ReplaceAll(field.kinds, " ", " or to: ")+", or remove it")
		}
	}
}

// validateWebhook reports faults in the fields of the kind webhook.
func (c Config) validateWebhook(problem func(pointer, summary, remedy string)) {
	var targets []string
	for _, target := range []struct {
		name string
		set  bool
	}{{"command", len(c.Command) > 0}, {"file", c.File != ""}, {"url", c.URL.IsSet()}} {
		if target.set {
			targets = append(targets, target.name)
		}
	}
	if len(targets) > 1 {
		problem("/"+targets[1], strings.Join(targets, " and ")+" are set together", "use a stage of its own for each")
	}
	if c.Secret.IsSet() {
		if _, err := cloudevent.ParseKey(c.Secret.Reveal()); err != nil {
			problem("/secret", err.Error(), "make one with: openssl rand -base64 32 | sed s/^/whsec_/")
		}
		if !c.URL.IsSet() && !c.isIdle() {
			problem("/secret", "only requests to a URL are signed", "remove it")
		}
	}
	if len(c.Headers) > 0 && !c.URL.IsSet() && !c.isIdle() {
		problem("/headers", "only requests to a URL have headers", "remove them")
	}
	for name, value := range c.Headers {
		if !isToken(name) {
			problem("/headers", fmt.Sprintf("%q is not the name of a header", name), "use letters, digits and -")
		}
		if strings.ContainsAny(strings.TrimSpace(value.Reveal()), "\r\n\x00") {
			problem("/headers", fmt.Sprintf("the value of %s (not shown) holds a line break inside", name), "set it to the text alone")
		}
	}
}

// isToken reports whether the text may be the name of an HTTP header.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// header returns the configured headers.
func (c Config) header() http.Header {
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, strings.TrimSpace(value.Reveal()))
	}
	return header
}
