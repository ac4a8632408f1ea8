package pipeline

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// syntaxError turns an error of the YAML library into a finding's parts.
func syntaxError(text []byte, err error) (at Position, summary, remedy string) {
	summary = err.Error()
	one, ok := errors.AsType[*yaml.LoadError](err)
	if many, isMany := errors.AsType[*yaml.LoadErrors](err); isMany && len(many.Errors) > 0 {
		one, ok = many.Errors[0], true
	}
	if !ok {
		return Position{}, summary, ""
	}
	at = Position{Line: one.Mark.Line, Column: one.Mark.Column}
	summary = "this is no valid YAML: " + one.Message
	if one.ContextMsg != "" {
		summary += " " + one.ContextMsg
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

	// The library names the place where it could go on no further. What is to be
	// mended may stand before or, with a tab, behind that.
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
// in its line.
func openQuote(lines [][]byte) (Position, bool) {
	for i, line := range lines {
		value := true // a quote here begins a text
		for j := 0; j < len(line); j++ {
			switch c := line[j]; {
			case c == '#' && (j == 0 || line[j-1] == ' ' || line[j-1] == '\t'):
				j = len(line)
			case value && (c == '"' || c == '\''):
				end := closing(line[j+1:], c)
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

// closing is the index of the quote that ends a text; -1 where there is none. In
// single quotes a doubled quote is one of the text, in double quotes an escaped
// one.
func closing(text []byte, quote byte) int {
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

// controlAt is the place of the first control character, which YAML allows
// nowhere; c is negative where there is none.
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

// invalidAt is the place of the first byte that is no UTF-8.
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
