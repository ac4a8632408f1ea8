package message

import (
	"strings"
	"unicode/utf8"
)

// Clip shortens a text to so many characters, without cutting one in two.
func Clip(text string, limit int) string {
	runes := []rune(strings.ToValidUTF8(text, "?"))
	if len(runes) <= limit {
		return string(runes)
	}
	return string(runes[:limit-1]) + "…"
}

// EscapeHTML replaces the three characters that have a meaning in the texts of
// Slack and of Telegram, and shortens the text so that the result has at most so
// many characters.
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
