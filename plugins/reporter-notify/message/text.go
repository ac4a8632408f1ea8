package message

import (
	"strings"
	"unicode/utf8"
)

// Clip shortens a text to at most limit characters.
func Clip(text string, limit int) string {
	runes := []rune(strings.ToValidUTF8(text, "?"))
	if len(runes) <= limit {
		return string(runes)
	}
	return string(runes[:limit-1]) + "…"
}

// EscapeHTML escapes the three characters &, < and > for the texts of Slack and
// Telegram. It shortens the text so that the result has at most limit characters.
func EscapeHTML(text string, limit int) string {
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
