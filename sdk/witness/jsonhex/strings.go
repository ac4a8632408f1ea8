package jsonhex

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/proofline/proofline/sdk/text"
)

// quoted consumes a string and returns the text between its quotes, without resolving
// escapes, and whether it has any.
func (r *Reader) quoted() (content []byte, escaped bool, err error) {
	if err := r.expect(String); err != nil {
		return nil, false, err
	}
	for from := 1; ; { // in the string, its first quote included
		i := bytes.IndexByte(r.data[r.pos+from:], '"')
		if i < 0 {
			from = len(r.data) - r.pos
			if !r.more() {
				return nil, false, r.fail("the string has no end")
			}
			continue
		}
		start, end := r.pos+1, r.pos+from+i
		backslashes := 0
		for r.data[end-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			r.pos = end + 1
			content = r.data[start:end]
			return content, bytes.IndexByte(content, '\\') >= 0, nil
		}
		from += i + 1
	}
}

// skipString consumes a string of any length. Outside of Raw it keeps no more of a
// stream in memory than the window.
func (r *Reader) skipString() error {
	start := r.base + r.pos
	unending := func() error {
		if r.err != nil {
			return r.err
		}
		return &Error{Offset: start, Reason: "the string has no end"}
	}
	for r.pos++; ; {
		i := bytes.IndexAny(r.data[r.pos:], `"\\`)
		switch {
		case i < 0:
			r.pos = len(r.data)
			if !r.more() {
				return unending()
			}
		case r.data[r.pos+i] == '"':
			r.pos += i + 1
			return nil
		default: // a backslash, and what it escapes
			for r.pos += i; len(r.data)-r.pos < 2; {
				if !r.more() {
					return unending()
				}
			}
			r.pos += 2
		}
	}
}

// Text consumes a string and returns its characters, with escapes resolved. The result is
// valid until the next call of the Reader. If the whole document is in memory it stays
// valid, and is a part of the document unless it has escapes.
func (r *Reader) Text() ([]byte, error) {
	content, escaped, err := r.quoted()
	if err != nil || !escaped {
		return content, err
	}
	var text string
	if err := json.Unmarshal(r.data[r.pos-len(content)-2:r.pos], &text); err != nil {
		r.pos -= len(content) + 2
		return nil, r.fail("bad escape in a string")
	}
	return []byte(text), nil
}

// Excerpt returns a text in quotes for an error message, shortened to about 40 bytes.
func Excerpt(chars []byte) string {
	if len(chars) > 40 {
		return fmt.Sprintf("%q…", strings.TrimSuffix(text.Cut(string(chars[:43]), 42), "…"))
	}
	return fmt.Sprintf("%q", chars)
}
