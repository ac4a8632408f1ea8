// Package chat writes messages as chats and pagers want them: one small file for
// each. What goes over the wire is JSON in a POST, so that a receiver is a function
// that makes a body, and the address to send it to.
package chat

import (
	"fmt"
	"strings"

	"github.com/proofline/proofline/plugins/reporter-notify/message"
	"github.com/proofline/proofline/sdk/contract"
)

// Format writes the body of one message.
type Format interface {
	Body(message.Message) ([]byte, error)
}

// ForPeople are the kinds of event that a chat gets unless it is configured.
var ForPeople = []contract.EventKind{contract.EventFailed, contract.EventAccepted, contract.EventNodeDown, contract.EventNodeRecovered,
	contract.EventProverStuck, contract.EventReporterRejected, contract.EventStageDown, contract.EventStageRecovered}

// footer is where a message comes from and when, in plain words.
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

// bullets are the lines of a digest.
func bullets(lines []string, limit int) string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = "• " + message.Clip(line, limit)
	}
	return strings.Join(out, "\n")
}

func titled(m message.Message) string {
	if m.Icon.Char == "" {
		return m.Title
	}
	return fmt.Sprintf("%s %s", m.Icon.Char, m.Title)
}
