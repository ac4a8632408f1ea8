package chat

import (
	"encoding/json"
	"strings"

	"github.com/proofline/proofline/plugins/reporter-notify/message"
)

// Telegram encodes a message as the parameters of the Bot API's sendMessage, with a text
// in HTML, in which &, < and > must be escaped. A text has at most 4,096 characters
// (core.telegram.org/bots/api#sendmessage, #html-style).
type Telegram struct {
	Chat string // number of the chat, or @name of a channel
}

type telegramMessage struct {
	Chat    string `json:"chat_id"`
	Text    string `json:"text"`
	Mode    string `json:"parse_mode"`
	Preview struct {
		Disabled bool `json:"is_disabled"`
	} `json:"link_preview_options"`
	Silent bool `json:"disable_notification,omitempty"` // set for messages that need no action
}

// Body implements Format.
func (t Telegram) Body(m message.Message) ([]byte, error) {
	lines := []string{"<b>" + message.EscapeHTML(titled(m), 300) + "</b>"}
	switch {
	case len(m.Lines) > 0:
		lines = append(lines, message.EscapeHTML(bullets(m.Lines, 250), 2800))
	case m.Reason != "":
		lines = append(lines, "<pre>"+message.EscapeHTML(m.Reason, 2200)+"</pre>")
	}
	for _, f := range m.Fields[:min(len(m.Fields), 12)] {
		lines = append(lines, message.EscapeHTML(f.Title, 30)+": "+message.EscapeHTML(f.Value, 60))
	}
	if m.Link != "" {
		lines = append(lines, `<a href="`+message.EscapeHTML(m.Link, 200)+`">EthProofs</a>`)
	}
	lines = append(lines, "<i>"+message.EscapeHTML(footer(m), 250)+"</i>")
	out := telegramMessage{Chat: t.Chat, Text: strings.Join(lines, "\n"), Mode: "HTML", Silent: m.Level < message.Warning}
	out.Preview.Disabled = true
	return json.Marshal(out)
}

// TelegramLost reports whether an answer of the Bot API means that the chat does not
// exist. Such an answer has the status 400, as has one to a malformed text.
func TelegramLost(status int, body []byte) bool {
	return status == 400 && (strings.Contains(string(body), "chat not found") || strings.Contains(string(body), "upgraded to a supergroup"))
}
