// Package text shortens texts of unknown origin and length for messages, log lines and
// tables. Its results are valid UTF-8.
package text

import (
	"strings"
	"unicode/utf8"
)

// ellipsis stands for what was left out.
const ellipsis = "…"

// Cut shortens a text to at most limit bytes, including the ellipsis that marks the cut.
// It never cuts inside a character. Bytes that are not UTF-8 become U+FFFD, so that the
// result of a text that is not UTF-8 may be longer than the limit. With a limit below 3,
// the length of the ellipsis, the result has no ellipsis.
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

// CutMiddle shortens a text to at most limit bytes by removing its middle. It is for
// messages that begin with the place of an error and end with its reason. It treats
// characters and invalid bytes as Cut does.
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

// CutCharacters shortens a text to at most limit characters, including the ellipsis. It
// is for services whose limits count characters, and for columns.
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

// Line returns a text as one line of at most limit characters. Each run of white space
// becomes a blank; the text is shortened as CutCharacters does.
func Line(s string, limit int) string {
	return CutCharacters(strings.Join(strings.Fields(s), " "), limit)
}
