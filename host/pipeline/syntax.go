package pipeline

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// syntaxError returns position, summary and remedy of a finding for an error of the
// YAML library.
func syntaxError(text []byte, err error) (at Position, summary, remedy string) {
	summary = err.Error()
	first, ok := errors.AsType[*yaml.LoadError](err)
	if all, isList := errors.AsType[*yaml.LoadErrors](err); isList && len(all.Errors) > 0 {
		first, ok = all.Errors[0], true
	}
	if !ok {
		return Position{}, summary, ""
	}
	at = Position{Line: first.Mark.Line, Column: first.Mark.Column}
	summary = "this is no valid YAML: " + first.Message
	if first.ContextMsg != "" {
		summary += " " + first.ContextMsg
	}
	if at.Line < 1 {
		return Position{}, summary, ""
	}
	lines := bytes.Split(text, []byte("\n"))
	if at.Line > len(lines) { // the end of the file
		at = Position{Line: len(lines), Column: utf8.RuneCount(lines[len(lines)-1]) + 1}
	}
	line := string(lines[at.Line-1])
	at.Column = min(max(at.Column, 1), utf8.RuneCountInString(line)+1)

	// The library names the place where parsing stopped. The fault itself may stand
	// before that place or, if it is a tab, in the line after it.
	for n := at.Line; n <= min(at.Line+1, len(lines)); n++ {
		indent := lines[n-1][:len(lines[n-1])-len(bytes.TrimLeft(lines[n-1], " \t"))]
		if tab := bytes.IndexByte(indent, '\t'); tab >= 0 {
			return Position{Line: n, Column: tab + 1}, "this is no valid YAML: the line is indented with a tab", "indent with spaces, not tabs"
		}
	}
	if open, ok := openQuote(lines[:at.Line]); ok {
		return open, "this is no valid YAML: the quote that begins here is not closed in its line", "close it at the end of the value"
	}
	switch {
	case strings.Contains(line, "${") && strings.ContainsAny(line, "{["):
		remedy = `put values with variables in quotes: "${NAME}"`
	case strings.Contains(summary, "mapping values are not allowed"):
		remedy = "a value with a colon followed by a space needs quotes; keys that belong together begin in the same column"
	case strings.Contains(summary, "did not find expected"):
		remedy = "keys that belong together begin in the same column; every [ and { needs its ] and }"
	}
	return at, summary, remedy
}

// openQuote finds the first quote that begins a value or a key and is not closed
// in the same line. It returns false if there is none.
func openQuote(lines [][]byte) (Position, bool) {
	for i, line := range lines {
		value := true // whether a quote at this place begins a text
		for j := 0; j < len(line); j++ {
			switch c := line[j]; {
			case c == '#' && (j == 0 || line[j-1] == ' ' || line[j-1] == '\t'):
				j = len(line)
			case value && (c == '"' || c == '\''):
				end := closingQuote(line[j+1:], c)
				if end < 0 {
					return Position{Line: i + 1, Column: utf8.RuneCount(line[:j]) + 1}, true
				}
				j += 1 + end
				value = false
			case c == ' ' || c == '\t':
			default:
				next := j+1 == len(line) || line[j+1] == ' '
				value = strings.IndexByte("[{,", c) >= 0 || next && strings.IndexByte(":-?", c) >= 0
			}
		}
	}
	return Position{}, false
}

// closingQuote returns the index of the quote that ends a text, or -1 if there is
// none. A doubled single quote and an escaped double quote do not end the text.
func closingQuote(text []byte, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\', quote == '\'' && text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i
		}
	}
	return -1
}

// controlAt finds the first control character that YAML does not allow. c is
// negative if there is none.
func controlAt(text []byte) (at Position, c rune) {
	at = Position{Line: 1, Column: 1}
	for _, c := range string(text) {
		switch {
		case c == '\n':
			at = Position{Line: at.Line + 1, Column: 1}
			continue
		case c < ' ' && c != '\t' && c != '\r', c == 0x7f:
			return at, c
		}
		at.Column++
	}
	return Position{}, -1
}

// invalidAt returns the place of the first byte that is not valid UTF-8.
func invalidAt(text []byte) Position {
	at := Position{Line: 1, Column: 1}
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if at.Column++; r == '\n' {
			at.Line, at.Column = at.Line+1, 1
		}
		text = text[size:]
	}
	return at
}
