// Package secret cleans keys, tokens and addresses that operators enter through files
// and terminals.
package secret

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// controls are the names of the control characters that files and terminals often add.
var controls = map[rune]string{0: "NUL", '\t': "tab", '\n': "line feed", '\r': "carriage return", 0x1b: "escape", 0x7f: "delete"}

// Clean removes white space around a text and checks that the rest can stand in a
// header or an address. what is the name of the text in messages, for example "the
// key". The error names the first forbidden character with its position, and never
// contains the text.
func Clean(what, raw string) (string, error) {
	text := strings.TrimSpace(raw)
	if text == "" && raw != "" {
		return "", errors.New(what + " consists of white space")
	}
	runes := []rune(text)
	for at, r := range runes {
		name, known := controls[r]
		switch {
		case known:
			return "", fmt.Errorf("%s holds a control character, %s (U+%04X), at place %d of %d", what, name, r, at+1, len(runes))
		case unicode.IsControl(r):
			return "", fmt.Errorf("%s holds the control character U+%04X at place %d of %d", what, r, at+1, len(runes))
		case r == ' ':
			return "", fmt.Errorf("%s holds a space at place %d of %d", what, at+1, len(runes))
		case r > unicode.MaxASCII:
			return "", fmt.Errorf("%s holds a character outside ASCII (U+%04X) at place %d of %d", what, r, at+1, len(runes))
		}
	}
	return text, nil
}
