// Package chat encodes messages for chats and pagers, with one file for each kind. All
// of them accept JSON in a POST request. A kind therefore is a Format, which encodes the
// body. The plugin sends the body and handles the answers.
package chat

import (
	"fmt"
	"strings"

	"github.com/proofline/proofline/plugins/reporter-notify/message"
	"github.com/proofline/proofline/sdk/contract"
)

// Format encodes messages for one kind of chat or pager.
type Format interface {
	// Body returns the JSON body of the request for a message.
	Body(message.Message) ([]byte, error)
}

// ForPeople are the kinds of events that a chat gets unless the configuration names
// others.
var ForPeople = []contract.EventKind{contract.EventFailed, contract.EventAccepted, contract.EventNodeDown, contract.EventNodeRecovered,
	contract.EventProverStuck, contract.EventReporterRejected, contract.EventStageDown, contract.EventStageRecovered}

// footer returns origin, block hash, time and version of a message as plain text.
func footer(m message.Message) string {
	parts := []string{m.Origin}
	if m.Hash != "" {
		parts = append(parts, m.Hash)
	}
	if !m.Time.IsZero() {
		parts = append(parts, m.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	return strings.Join(append(parts, "proofline "+m.Version), "  ·  ")
}

// bullets returns the lines of a digest as a list, each of at most limit characters.
func bullets(lines []string, limit int) string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = "• " + message.Clip(line, limit)
	}
	return strings.Join(out, "\n")
}

// titled returns the title with its icon.
func titled(m message.Message) string {
	if m.Icon.Char == "" {
		return m.Title
	}
	return fmt.Sprintf("%s %s", m.Icon.Char, m.Title)
}
