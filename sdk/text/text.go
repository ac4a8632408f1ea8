// Package text prepares texts of unknown origin and length for people: messages,
// log lines, tables.
package text

import (
	"strings"
	"unicode/utf8"
)

// ellipsis stands for what was left out.
const ellipsis = "…"

// Cut shortens a text to at most limit bytes, the ellipsis that marks the cut
// included, and never inside a character. Bytes that are no UTF-8 become U+FFFD.
// A limit below the ellipsis' three bytes gives nothing but the beginning.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	end := max(limit-len(ellipsis), 0)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	out := strings.ToValidUTF8(s[:end], "\uFFFD")
	if limit < len(ellipsis) {
		return out
	}
	return out + ellipsis
}

// CutMiddle shortens a text to at most limit bytes by what stands in its middle,
// for messages that begin with where and end with why. It cuts as Cut does.
func CutMiddle(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	half := max(limit-len(ellipsis), 0) / 2
	begin, end := half, len(s)-half
	for begin > 0 && !utf8.RuneStart(s[begin]) {
		begin--
	}
	for end < len(s) && !utf8.RuneStart(s[end]) {
		end++
	}
	return strings.ToValidUTF8(s[:begin], "\uFFFD") + ellipsis + strings.ToValidUTF8(s[end:], "\uFFFD")
}

// CutCharacters shortens a text to at most limit characters, the ellipsis
// included: for other sides whose limits count characters, and for columns.
func CutCharacters(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	if limit <= 0 {
		return ""
	}
	n := 0
	for i := range s {
		if n++; n == limit {
			return s[:i] + ellipsis
		}
	}
	return s
}

// Line puts a text on one line, with a blank in the place of all white space, and
// shortens it as CutCharacters does.
func Line(s string, limit int) string {
	return CutCharacters(strings.Join(strings.Fields(s), " "), limit)
}
