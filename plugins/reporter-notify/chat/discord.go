package chat

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/proofline/proofline/plugins/reporter-notify/message"
)

// Discord encodes a message as one embed for the webhook of a channel. It allows no
// mentions, so that no text of an event notifies users. The limits of Discord are 256
// characters for a title and for a field's name, 4,096 for a description, 1,024 for a
// field's value, 2,048 for a footer, 25 fields, and 6,000 characters in total
// (discord/discord-api-docs:resources/message.mdx, "Embed Limits").
type Discord struct{}

type discordMessage struct {
	Embeds   []discordEmbed `json:"embeds"`
	Mentions struct {
		Parse []string `json:"parse"` // empty: mention nobody
	} `json:"allowed_mentions"`
}

type discordEmbed struct {
	Title       string         `json:"title"`
	URL         string         `json:"url,omitempty"`
	Description string         `json:"description,omitempty"`
	Color       int            `json:"color"`
	Fields      []discordField `json:"fields,omitempty"`
	Footer      struct {
		Text string `json:"text"`
	} `json:"footer"`
	Timestamp string `json:"timestamp,omitempty"`
}

type discordField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

var discordColors = map[message.Level]int{message.Info: 0x95a5a6, message.Good: 0x2ecc71, message.Warning: 0xf1c40f, message.Bad: 0xe74c3c}

// Body implements Format.
func (Discord) Body(m message.Message) ([]byte, error) {
	embed := discordEmbed{Title: message.Clip(titled(m), 256), URL: m.Link, Color: discordColors[m.Level]}
	switch {
	case len(m.Lines) > 0:
		embed.Description = message.Clip(bullets(m.Lines, 280), 3500)
	case m.Reason != "":
		embed.Description = "```\n" + message.Clip(strings.ReplaceAll(m.Reason, "```", "'''"), 3500) + "\n```"
	}
	for _, f := range m.Fields[:min(len(m.Fields), 12)] {
		embed.Fields = append(embed.Fields, discordField{message.Clip(f.Title, 30), message.Clip(f.Value, 80), true})
	}
	embed.Footer.Text = message.Clip(footer(m), 300)
	if !m.Time.IsZero() {
		embed.Timestamp = m.Time.UTC().Format(time.RFC3339)
	}
	out := discordMessage{Embeds: []discordEmbed{embed}}
	out.Mentions.Parse = []string{}
	return json.Marshal(out)
}
