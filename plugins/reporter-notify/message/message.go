// Package message turns events into messages for people and limits their number. A
// Sender composes the message of an event. A Throttle decides which events get one. A
// message has no format of its own: package chat encodes it.
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

// Level is the importance of a message, in ascending order.
type Level int

// The levels.
const (
	Info Level = iota
	Good
	Warning
	Bad
)

// Message is the message of an event, or a digest of several events.
type Message struct {
	Event  string // id of the event; empty for a digest
	Kind   contract.EventKind
	Level  Level
	Icon   Icon
	Title  string
	Reason string   // only of a failure or an alert; may have several lines
	Lines  []string // only of a digest, in place of the reason
	Fields []Field
	Origin string // label, pipeline and stage
	Stage  string
	Hash   string // short hash of the block
	Link   string // to the block's page at EthProofs; may be empty
	Time   time.Time
	// Subject is the same for the beginning and the end of an outage, and for repeated
	// alerts. Ends marks the end of an outage.
	Subject string
	Ends    bool
	Version string // of proofline
}

// Icon is a picture, by its name in Slack and as a character.
type Icon struct{ Code, Char string }

// Field is a named value.
type Field struct{ Title, Value string }

// Sender composes messages. Its fields describe the installation that sends them. It
// may be used concurrently.
type Sender struct {
	Label   string // the operator's name for this installation; may be empty
	Machine Machine
	Version string // of proofline
}

// kinds has icon, level and title of each kind of event. %s in a title stands for the
// block or the stage.
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

// shown are the facts that become fields, in the order of the message.
var shown = []struct {
	fact, title string
	format      func(string) string
}{
	{contract.FactProvingTimeMS, "Proving time", seconds},
	{contract.FactGasUsed, "Gas", thousands},
	{contract.FactTxCount, "Transactions", thousands},
	{contract.FactCycles, "Cycles", thousands},
	{"zisk_version", "ZisK", unchanged},
	{"proof_id", "Proof", unchanged},
	{contract.FactAttempts, "Attempts", thousands},
	{contract.FactClass, "Kind of error", unchanged},
}

func unchanged(text string) string { return text }

// Compose returns the message of an event.
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

// subjectOf returns the Subject of an event's message, and whether the event ends an
// outage.
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

// headline returns the title of an event's message.
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

// reasonOf returns reason and error of an event, without the one that the other contains.
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

// fields returns the facts that the message shows and, for a proof, the description of
// the machine that made it.
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

// withBlock returns the facts of an event with the figures of its block.
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

// origin returns label, pipeline and stage, without repetitions.
func (s Sender) origin(pipeline, stage string) string {
	var parts []string
	for _, part := range []string{s.Label, pipeline, stage} {
		if part != "" && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " / ")
}

// Digest returns one message in place of those that were left out.
func (s Sender) Digest(pipeline string, omitted []LeftOut, now time.Time) Message {
	const maxLines = 10
	m := Message{Icon: Icon{"repeat", "🔁"}, Origin: s.origin(pipeline, ""), Time: now, Version: s.Version, Subject: pipeline + "/digest"}
	total := 0
	for i, l := range omitted {
		total += l.Count
		switch {
		case i < maxLines:
			m.Lines = append(m.Lines, fmt.Sprintf("%d × %s", l.Count, l.What))
		case i == maxLines:
			m.Lines = append(m.Lines, "…")
		}
	}
	m.Title = fmt.Sprintf("%d more events since %s", total, oldest(omitted).UTC().Format("15:04 UTC"))
	return m
}
