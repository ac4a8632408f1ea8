package ethproofs

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// controls are the control characters that get into a key by way of files and
// terminals.
var controls = map[rune]string{0: "NUL", '\t': "tab", '\n': "line feed", '\r': "carriage return", 0x1b: "escape", 0x7f: "delete"}

// ParseKey returns a key that can stand in a header: without the white space that
// a file or a terminal has put around it. The error names what cannot, and never
// holds the key.
func ParseKey(raw string) (string, error) {
	key := strings.TrimSpace(raw)
	if key == "" && raw != "" {
		return "", errors.New("the key consists of white space")
	}
	for at, r := range []rune(key) {
		name, known := controls[r]
		switch {
		case known:
			return "", fmt.Errorf("the key holds a control character, %s (U+%04X), at place %d of %d", name, r, at+1, len([]rune(key)))
		case unicode.IsControl(r):
			return "", fmt.Errorf("the key holds the control character U+%04X at place %d of %d", r, at+1, len([]rune(key)))
		case r == ' ':
			return "", fmt.Errorf("the key holds a space at place %d of %d", at+1, len([]rune(key)))
		case r > unicode.MaxASCII:
			return "", fmt.Errorf("the key holds a character outside ASCII (U+%04X) at place %d of %d", r, at+1, len([]rune(key)))
		}
	}
	return key, nil
}
