package chat

import (
	"encoding/json"
	"time"

	"github.com/proofline/proofline/plugins/reporter-notify/message"
	"github.com/proofline/proofline/sdk/contract"
)

// PagerDuty encodes a message as an event of the Events API, version 2. An alert
// triggers an incident, and the end of the outage resolves it. The limits are 1,024
// characters for a summary and 255 for a dedup_key (developer.pagerduty.com, "Send an
// alert event").
type PagerDuty struct {
	RoutingKey string // the integration key of a service
}

// ForPagers are the kinds of events that a pager gets unless the configuration names
// others. A pager can get these and EventFailed only.
var ForPagers = []contract.EventKind{contract.EventNodeDown, contract.EventNodeRecovered, contract.EventProverStuck,
	contract.EventReporterRejected, contract.EventStageDown, contract.EventStageRecovered}

type pagerDutyEvent struct {
	RoutingKey string            `json:"routing_key"`
	Action     string            `json:"event_action"` // trigger or resolve
	Dedup      string            `json:"dedup_key"`
	Client     string            `json:"client"`
	Payload    *pagerDutyPayload `json:"payload,omitempty"`
	Links      []pagerDutyLink   `json:"links,omitempty"`
}

type pagerDutyPayload struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"` // critical, error, warning or info
	Timestamp string            `json:"timestamp,omitempty"`
	Component string            `json:"component,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

type pagerDutyLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

var severities = map[message.Level]string{message.Info: "info", message.Good: "info", message.Warning: "warning", message.Bad: "error"}

// Body implements Format.
func (p PagerDuty) Body(m message.Message) ([]byte, error) {
	event := pagerDutyEvent{RoutingKey: p.RoutingKey, Action: "trigger", Dedup: message.Clip("proofline/"+m.Subject, 255), Client: "proofline " + m.Version}
	if m.Ends {
		event.Action = "resolve"
		return json.Marshal(event)
	}
	summary := m.Title
	if m.Reason != "" {
		summary += ": " + m.Reason
	}
	event.Payload = &pagerDutyPayload{Summary: message.Clip(summary, 1024), Source: message.Clip(m.Origin, 255), Severity: severities[m.Level],
		Component: m.Stage, Class: string(m.Kind), Details: map[string]string{}}
	if m.Kind == contract.EventStageDown || m.Kind == contract.EventNodeDown {
		event.Payload.Severity = "critical"
	}
	if event.Payload.Source == "" {
		event.Payload.Source = "proofline"
	}
	if !m.Time.IsZero() {
		event.Payload.Timestamp = m.Time.UTC().Format(time.RFC3339)
	}
	for _, f := range m.Fields {
		event.Payload.Details[f.Title] = message.Clip(f.Value, 1000)
	}
	if m.Link != "" {
		event.Links = []pagerDutyLink{{m.Link, "EthProofs"}}
	}
	return json.Marshal(event)
}
