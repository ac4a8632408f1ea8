package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/internal/hook"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	URL       sdk.Secret   `json:"url" doc:"Incoming webhook of the channel (https://hooks.slack.com/services/…). Without it the stage is idle." format:"url"`
	Events    []string     `json:"events" doc:"The kinds of event that get a message." default:"failed,accepted,node_down,node_recovered,prover_stuck,reporter_rejected,stage_down,stage_recovered" enum:"queued,proving,proved,checked,failed,accepted,node_down,node_recovered,prover_stuck,reporter_rejected,stage_down,stage_recovered"`
	Label     string       `json:"label" doc:"Name of this installation, shown in every message." max:"80"`
	PerMinute int          `json:"per_minute" doc:"Messages a minute; what is beyond is summed up in one message. Slack takes about one a second." default:"10" min:"1" max:"60"`
	Window    sdk.Duration `json:"window" doc:"Alerts with the same stage and reason within this time are one message and a count." default:"15m" min:"1s"`
	Timeout   sdk.Duration `json:"timeout" doc:"How long one request may take." default:"15s" min:"1s" max:"5m"`
}

const remedy = "make a new incoming webhook for the channel in Slack and set SLACK_WEBHOOK to it"

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding {
	url := c.URL.Reveal()
	if !c.URL.IsSet() || strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://127.0.0.1:") || strings.HasPrefix(url, "http://localhost:") {
		return nil
	}
	return []sdk.Finding{{Severity: sdk.SeverityWarning, Pointer: "/url",
		Summary: "the webhook (not shown) is no https URL: whoever reads it on the way can write to the channel", Remedy: remedy}}
}

// Check implements the SDK's preflight. It sends an empty message, which Slack
// refuses without writing anything to the channel: as invalid where the webhook
// exists, as unknown where it does not.
func (c Config) Check(ctx context.Context) []sdk.Finding {
	if !c.URL.IsSet() {
		return []sdk.Finding{{Severity: sdk.SeverityInfo, Summary: "idle: no webhook is configured", Remedy: "set SLACK_WEBHOOK to get messages"}}
	}
	poster, err := hook.New(c.URL, nil, c.Timeout.Std(), remedy)
	if err != nil {
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/url", Summary: err.Error(), Remedy: remedy}}
	}
	defer poster.Close()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	err = poster.Post(ctx, jsonHeader, []byte("{}"), 1)
	switch {
	case err == nil || sdk.ClassOf(err) == sdk.ClassPermanent:
		return []sdk.Finding{{Severity: sdk.SeverityInfo, Pointer: "/url", Summary: fmt.Sprintf("the webhook at %s answers", poster.Host())}}
	case sdk.ClassOf(err) == sdk.ClassEnvironment:
		return []sdk.Finding{{Severity: sdk.SeverityError, Pointer: "/url", Summary: "the webhook is refused: " + err.Error(), Remedy: remedy}}
	}
	return []sdk.Finding{{Severity: sdk.SeverityWarning, Pointer: "/url", Summary: "the webhook cannot be asked: " + err.Error(),
		Remedy: "check the network; messages wait while it lasts, proofs do not"}}
}
