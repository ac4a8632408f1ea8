// Package message turns events into messages for people and keeps their number
// bearable. A message has no format: package target writes it as a chat or a pager
// wants it.
package message

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// Level says how a message is meant.
type Level int

// The levels.
const (
	Info Level = iota
	Good
	Warning
	Bad
)

// Message is what an event tells a person.
type Message struct {
	Event  string // the event's id; empty for a digest
	Kind   contract.EventKind
	Level  Level
	Icon   Icon
	Title  string
	Reason string   // of a failure or an alert; may have several lines
	Lines  []string // of a digest, in place of a reason
	Fields []Field
	Origin string // label, pipeline and stage
	Stage  string
	Hash   string // short, of the block
	Link   string // to the block's page
	Time   time.Time
	// Subject is the same for the two ends of an outage, and for alerts that are
	// alike. Ends marks the second of them.
	Subject string
	Ends    bool
	Version string // of proofline
}

// Icon is a picture, as Slack names it and as a character.
type Icon struct{ Code, Char string }

// Field is a figure with its name.
type Field struct{ Title, Value string }

// Sender says who writes: what every message ends with.
type Sender struct {
	Label   string // the operator's name for this installation; may be empty
	Machine Machine
	Version string // of proofline
}

// kinds are the icons, levels and titles of the kinds; %s is the block or the
// stage.
var kinds = map[contract.EventKind]struct {
	icon  Icon
	level Level
	title string
}{
	contract.EventAccepted:         {Icon{"white_check_mark", "✅"}, Good, "Block %s: proof accepted"},
	contract.EventProved:           {Icon{"white_check_mark", "✅"}, Good, "Block %s proved"},
	contract.EventFailed:           {Icon{"x", "❌"}, Bad, "Block %s failed"},
	contract.EventChecked:          {Icon{"mag", "🔍"}, Info, "Block %s checked"},
	contract.EventQueued:           {Icon{"inbox_tray", "📥"}, Info, "Block %s queued"},
	contract.EventProving:          {Icon{"gear", "⚙️"}, Info, "Block %s is being proved"},
	contract.EventNodeDown:         {Icon{"rotating_light", "🚨"}, Bad, "Node down (%s)"},
	contract.EventNodeRecovered:    {Icon{"large_green_circle", "🟢"}, Good, "Node recovered (%s)"},
	contract.EventProverStuck:      {Icon{"hourglass", "⌛"}, Warning, "Prover stuck (%s)"},
	contract.EventReporterRejected: {Icon{"no_entry", "⛔"}, Bad, "Report rejected (%s)"},
	contract.EventStageDown:        {Icon{"rotating_light", "🚨"}, Bad, "Stage down (%s)"},
	contract.EventStageRecovered:   {Icon{"large_green_circle", "🟢"}, Good, "Stage recovered (%s)"},
}

// shown are the facts with a place of their own, in the order of the message.
var shown = []struct {
	fact, title string
	format      func(string) string
}{
	{contract.FactProvingTimeMS, "Proving time", seconds},
	{contract.FactGasUsed, "Gas", thousands},
	{contract.FactTxCount, "Transactions", thousands},
	{contract.FactCycles, "Cycles", thousands},
	{"zisk_version", "ZisK", asItIs},
	{"proof_id", "Proof", asItIs},
	{contract.FactAttempts, "Attempts", thousands},
	{contract.FactClass, "Kind of error", asItIs},
}

func asItIs(text string) string { return text }

// Compose writes the message of an event.
func (s Sender) Compose(event contract.Event) Message {
	kind := kinds[event.Kind]
	m := Message{Event: event.ID, Kind: event.Kind, Level: kind.level, Icon: kind.icon, Title: headline(event),
		Reason: reasonOf(event.Facts), Fields: s.fields(event), Origin: s.origin(event.Pipeline, event.Stage),
		Stage: event.Stage, Time: event.Time, Version: s.Version}
	m.Subject, m.Ends = subjectOf(event)
	if event.Block != nil {
		m.Hash = event.Block.Hash.Short()
		if event.Block.ChainID == 1 {
			m.Link = fmt.Sprintf("https://ethproofs.org/blocks/%d", event.Block.Number)
		}
	}
	return m
}

// subjectOf names what an alert is about: the two ends of an outage have one name.
func subjectOf(event contract.Event) (subject string, ends bool) {
	kind := event.Kind
	switch kind {
	case contract.EventNodeRecovered:
		kind, ends = contract.EventNodeDown, true
	case contract.EventStageRecovered:
		kind, ends = contract.EventStageDown, true
	}
	subject = event.Pipeline + "/" + event.Stage + "/" + string(kind)
	if event.Block != nil && !event.Kind.IsAlert() {
		subject += "/" + strconv.FormatUint(event.Block.Number, 10)
	}
	return subject, ends
}

func headline(event contract.Event) string {
	subject := event.Stage
	if event.Block != nil && !event.Kind.IsAlert() {
		subject = strconv.FormatUint(event.Block.Number, 10)
	} else if event.Block != nil {
		subject += fmt.Sprintf(", block %d", event.Block.Number)
	}
	kind, known := kinds[event.Kind]
	if !known {
		return strings.TrimSpace(string(event.Kind) + " " + subject)
	}
	title := fmt.Sprintf(kind.title, subject)
	if event.Kind == contract.EventFailed && event.Stage != "" {
		title += " in " + event.Stage
	}
	if reporter := event.Facts[contract.FactReporter]; event.Kind == contract.EventAccepted && reporter != "" {
		title += " by " + reporter
	}
	return title
}

// reasonOf prefers the full error over its summary.
func reasonOf(facts map[string]string) string {
	reason, full := facts[contract.FactReason], facts[contract.FactError]
	switch {
	case full == "" || strings.Contains(reason, full):
		return reason
	case reason == "" || strings.Contains(full, reason):
		return full
	}
	return reason + "\n" + full
}

// fields are the facts worth a place: of the block, and for a proof those of the
// machine that made it.
func (s Sender) fields(event contract.Event) []Field {
	facts := withBlock(event)
	var fields []Field
	add := func(title, value string) {
		if value != "" {
			fields = append(fields, Field{title, value})
		}
	}
	for _, f := range shown {
		if value := facts[f.fact]; value != "" {
			add(f.title, f.format(value))
		}
	}
	if event.Kind == contract.EventAccepted || event.Kind == contract.EventProved {
		gpu := facts[contract.FactGPUs]
		if gpu == "" {
			gpu = s.Machine.GPU
		}
		add("GPU", gpu)
		add("CPU", s.Machine.CPU)
		add("RAM", s.Machine.RAM)
	}
	return fields
}

func withBlock(event contract.Event) map[string]string {
	facts := map[string]string{}
	if event.Block != nil && !event.Kind.IsAlert() {
		if event.Block.GasUsed > 0 {
			facts[contract.FactGasUsed] = strconv.FormatUint(event.Block.GasUsed, 10)
			facts[contract.FactTxCount] = strconv.FormatUint(uint64(event.Block.TxCount), 10)
		}
	}
	maps.Copy(facts, event.Facts)
	return facts
}

// origin is where a message comes from.
func (s Sender) origin(pipeline, stage string) string {
	var parts []string
	for _, part := range []string{s.Label, pipeline, stage} {
		if part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " / ")
}

// Digest writes one message in place of those that were left out.
func (s Sender) Digest(pipeline string, left []LeftOut, now time.Time) Message {
	const most = 10
	m := Message{Icon: Icon{"repeat", "🔁"}, Origin: s.origin(pipeline, ""), Time: now, Version: s.Version, Subject: pipeline + "/digest"}
	total := 0
	for i, l := range left {
		total += l.Count
		switch {
		case i < most:
			m.Lines = append(m.Lines, fmt.Sprintf("%d × %s", l.Count, l.What))
		case i == most:
			m.Lines = append(m.Lines, "…")
		}
	}
	m.Title = fmt.Sprintf("%d more events since %s", total, oldest(left).UTC().Format("15:04 UTC"))
	return m
}
