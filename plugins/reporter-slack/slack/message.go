// Package slack turns events into Slack messages and keeps their number bearable.
//
// Messages are Block Kit with a plain text for notifications. Limits: 150
// characters of a header, 2,000 of a field, 3,000 of a section, 10 fields of a
// section (Slack's reference of Block Kit).
package slack

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/proofline/proofline/sdk/contract"
)

// Message is the JSON of an incoming webhook.
type Message struct {
	Text   string  `json:"text"` // what a notification shows
	Blocks []Block `json:"blocks"`
}

// Block is a block of Block Kit: header, section or context.
type Block struct {
	Type     string `json:"type"`
	Text     *Text  `json:"text,omitempty"`
	Fields   []Text `json:"fields,omitempty"`
	Elements []Text `json:"elements,omitempty"`
}

// Text is a text of Block Kit.
type Text struct {
	Type  string `json:"type"` // plain_text or mrkdwn
	Text  string `json:"text"`
	Emoji bool   `json:"emoji,omitempty"` // of plain_text: show :x: as a picture
}

// Sender says who writes: what every message ends with.
type Sender struct {
	Label   string // the operator's name for this installation; may be empty
	Machine Machine
	Version string // of proofline
}

// headlines are the titles of the kinds; %s is the block or the stage.
var headlines = map[contract.EventKind]string{
	contract.EventAccepted:         ":white_check_mark: Block %s: proof accepted",
	contract.EventProved:           ":white_check_mark: Block %s proved",
	contract.EventFailed:           ":x: Block %s failed",
	contract.EventChecked:          ":mag: Block %s checked",
	contract.EventQueued:           ":inbox_tray: Block %s queued",
	contract.EventProving:          ":gear: Block %s is being proved",
	contract.EventNodeDown:         ":rotating_light: Node down (%s)",
	contract.EventNodeRecovered:    ":large_green_circle: Node recovered (%s)",
	contract.EventProverStuck:      ":hourglass: Prover stuck (%s)",
	contract.EventReporterRejected: ":no_entry: Report rejected (%s)",
	contract.EventStageDown:        ":rotating_light: Stage down (%s)",
	contract.EventStageRecovered:   ":large_green_circle: Stage recovered (%s)",
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
	title := headline(event)
	m := Message{Text: escape(title, 300), Blocks: []Block{header(title)}}
	if reason := reasonOf(event.Facts); reason != "" {
		m.Text += ": " + escape(reason, 300)
		m.Blocks = append(m.Blocks, section("```"+escape(strings.ReplaceAll(reason, "```", "'''"), 2900)+"```"))
	}
	if fields := s.fields(event); len(fields) > 0 {
		m.Blocks = append(m.Blocks, Block{Type: "section", Fields: fields})
	}
	return s.signed(m, event.Pipeline, event.Stage, event.Block, event.Time)
}

func headline(event contract.Event) string {
	subject := event.Stage
	if event.Block != nil && !event.Kind.IsAlert() {
		subject = strconv.FormatUint(event.Block.Number, 10)
	} else if event.Block != nil {
		subject += fmt.Sprintf(", block %d", event.Block.Number)
	}
	format, known := headlines[event.Kind]
	if !known {
		return strings.TrimSpace(string(event.Kind) + " " + subject)
	}
	title := fmt.Sprintf(format, subject)
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
func (s Sender) fields(event contract.Event) []Text {
	facts := withBlock(event)
	var fields []Text
	add := func(title, value string) {
		if value != "" && len(fields) < 10 {
			fields = append(fields, *markdown("*" + title + "*\n" + escape(value, 1900)))
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
	for name, value := range event.Facts {
		facts[name] = value
	}
	return facts
}

// signed ends a message with where it comes from.
func (s Sender) signed(m Message, pipeline, stage string, block *contract.Block, at time.Time) Message {
	origin := []string{}
	for _, part := range []string{s.Label, pipeline, stage} {
		if part != "" && !slices.Contains(origin, part) {
			origin = append(origin, part)
		}
	}
	parts := []string{"*" + escape(strings.Join(origin, " / "), 500) + "*"}
	if block != nil {
		parts = append(parts, "`"+block.Hash.Short()+"`")
		if block.ChainID == 1 {
			parts = append(parts, fmt.Sprintf("<https://ethproofs.org/blocks/%d|EthProofs>", block.Number))
		}
	}
	if !at.IsZero() {
		parts = append(parts, at.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	parts = append(parts, escape("proofline "+s.Version, 100))
	m.Blocks = append(m.Blocks, Block{Type: "context", Elements: []Text{*markdown(strings.Join(parts, "  ·  "))}})
	return m
}

// Digest writes one message in place of those that were left out.
func (s Sender) Digest(pipeline string, left []LeftOut, now time.Time) Message {
	const most = 10 // lines of at most 280 characters
	var lines []string
	total := 0
	for i, l := range left {
		total += l.Count
		switch {
		case i < most:
			lines = append(lines, fmt.Sprintf("• %d × %s", l.Count, escape(l.What, 250)))
		case i == most:
			lines = append(lines, "• …")
		}
	}
	title := fmt.Sprintf("%d more events since %s", total, oldest(left).UTC().Format("15:04 UTC"))
	m := Message{Text: title, Blocks: []Block{
		header(":repeat: " + title),
		section(strings.Join(lines, "\n")),
	}}
	return s.signed(m, pipeline, "", nil, now)
}

func oldest(left []LeftOut) time.Time {
	var first time.Time
	for _, l := range left {
		if first.IsZero() || l.Since.Before(first) {
			first = l.Since
		}
	}
	return first
}

func header(title string) Block {
	return Block{Type: "header", Text: &Text{Type: "plain_text", Text: clip(title, 150), Emoji: true}}
}

func section(text string) Block { return Block{Type: "section", Text: markdown(text)} }

func markdown(text string) *Text { return &Text{Type: "mrkdwn", Text: text} }

// escape replaces the three characters that have a meaning in Slack's texts and
// shortens the text so that the result has at most so many characters.
func escape(text string, limit int) string {
	var out strings.Builder
	length := 0
	for _, r := range strings.ToValidUTF8(text, "?") {
		part := string(r)
		switch r {
		case '&':
			part = "&amp;"
		case '<':
			part = "&lt;"
		case '>':
			part = "&gt;"
		}
		width := utf8.RuneCountInString(part)
		if length+width > limit-1 {
			out.WriteString("…")
			break
		}
		length += width
		out.WriteString(part)
	}
	return out.String()
}

// clip shortens a text to so many characters.
func clip(text string, limit int) string {
	runes := []rune(strings.ToValidUTF8(text, "?"))
	if len(runes) <= limit {
		return string(runes)
	}
	return string(runes[:limit-1]) + "…"
}

// seconds writes milliseconds as "8.12 s"; another text is left as it is.
func seconds(text string) string {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return text
	}
	if ms < 60_000 {
		return fmt.Sprintf("%.2f s", float64(ms)/1000)
	}
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

// thousands writes 20000100 as "20,000,100"; another text is left as it is.
func thousands(text string) string {
	if _, err := strconv.ParseUint(text, 10, 64); err != nil {
		return text
	}
	var out []byte
	for i, digit := range []byte(text) {
		if i > 0 && (len(text)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digit)
	}
	return string(out)
}
