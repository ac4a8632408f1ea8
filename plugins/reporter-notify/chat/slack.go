package chat

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/proofline/proofline/plugins/reporter-notify/message"
)

// Slack encodes a message as Block Kit with a plain text for notifications, for an
// incoming webhook. The limits are 150 characters for a header, 2,000 for a field, 3,000
// for a section, and 10 fields in a section (docs.slack.dev/reference/block-kit).
type Slack struct{}

// SlackMessage is the JSON of an incoming webhook.
type SlackMessage struct {
	Text   string       `json:"text"` // shown by a notification
	Blocks []SlackBlock `json:"blocks"`
}

// SlackBlock is a block of Block Kit: header, section or context.
type SlackBlock struct {
	Type     string      `json:"type"`
	Text     *SlackText  `json:"text,omitempty"`
	Fields   []SlackText `json:"fields,omitempty"`
	Elements []SlackText `json:"elements,omitempty"`
}

// SlackText is a text of Block Kit.
type SlackText struct {
	Type  string `json:"type"` // plain_text or mrkdwn
	Text  string `json:"text"`
	Emoji bool   `json:"emoji,omitempty"` // only of plain_text: show :x: as a picture
}

// Body implements Format.
func (Slack) Body(m message.Message) ([]byte, error) { return json.Marshal(slackMessage(m)) }

func slackMessage(m message.Message) SlackMessage {
	title := m.Title
	if m.Icon.Code != "" {
		title = ":" + m.Icon.Code + ": " + m.Title
	}
	out := SlackMessage{Text: message.EscapeHTML(title, 300), Blocks: []SlackBlock{
		{Type: "header", Text: &SlackText{Type: "plain_text", Text: message.Clip(title, 150), Emoji: true}}}}
	if m.Reason != "" {
		out.Text += ": " + message.EscapeHTML(m.Reason, 300)
		out.Blocks = append(out.Blocks, section("```"+message.EscapeHTML(strings.ReplaceAll(m.Reason, "```", "'''"), 2900)+"```"))
	}
	if len(m.Lines) > 0 {
		out.Text = m.Title
		lines := make([]string, len(m.Lines))
		for i, line := range m.Lines {
			lines[i] = "• " + message.EscapeHTML(line, 270)
		}
		out.Blocks = append(out.Blocks, section(strings.Join(lines, "\n")))
	}
	var fields []SlackText
	for _, f := range m.Fields[:min(len(m.Fields), 10)] {
		fields = append(fields, *markdown("*" + f.Title + "*\n" + message.EscapeHTML(f.Value, 1900)))
	}
	if fields != nil {
		out.Blocks = append(out.Blocks, SlackBlock{Type: "section", Fields: fields})
	}
	out.Blocks = append(out.Blocks, SlackBlock{Type: "context", Elements: []SlackText{*markdown(slackFooter(m))}})
	return out
}

func slackFooter(m message.Message) string {
	parts := []string{"*" + message.EscapeHTML(m.Origin, 500) + "*"}
	if m.Hash != "" {
		parts = append(parts, "`"+m.Hash+"`")
	}
	if m.Link != "" {
		parts = append(parts, fmt.Sprintf("<%s|EthProofs>", m.Link))
	}
	if !m.Time.IsZero() {
		parts = append(parts, m.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return strings.Join(append(parts, message.EscapeHTML("proofline "+m.Version, 100)), "  ·  ")
}

func section(text string) SlackBlock { return SlackBlock{Type: "section", Text: markdown(text)} }

func markdown(text string) *SlackText { return &SlackText{Type: "mrkdwn", Text: text} }
