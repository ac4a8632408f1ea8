package jsonhex

import (
	"bytes"
	"fmt"
	"slices"
)

// Hex consumes a string of 0x and an even number of hexadecimal digits and
// returns the bytes. The result stays valid and has no spare capacity.
func (r *Reader) Hex() ([]byte, error) { return r.hex(r.arena.take) }

// AppendHex is Hex with the bytes appended to dst, so that a caller that does not
// keep them can use one buffer for all strings.
func (r *Reader) AppendHex(dst []byte) ([]byte, error) {
	from := len(dst)
	_, err := r.hex(func(n int) []byte {
		dst = slices.Grow(dst, n)[:from+n]
		return dst[from:]
	})
	return dst, err
}

func (r *Reader) hex(take func(n int) []byte) ([]byte, error) {
	if err := r.expect(String); err != nil {
		return nil, err
	}
	start := r.base + r.pos
	if !r.whole() {
		return r.longHex(take)
	}
	text, err := r.Text()
	if err != nil {
		return nil, err
	}
	out, err := decodeText(text, take)
	if err != nil {
		return nil, &Error{Offset: start, Reason: err.Error()}
	}
	return out, nil
}

// whole reads from the source until the end of the string at the current position is in
// the window. It reports false if the string is longer than half of the window.
func (r *Reader) whole() bool {
	for from := 1; ; {
		i := bytes.IndexByte(r.data[r.pos+from:], '"')
		if from = len(r.data) - r.pos; i >= 0 || r.src == nil {
			return true
		}
		if from > window/2 {
			return false
		}
		if !r.more() {
			return true
		}
	}
}

// longHex decodes a long string piece by piece, so that its whole text is never in
// memory. It accepts no escapes in such a string.
func (r *Reader) longHex(take func(n int) []byte) ([]byte, error) {
	start := r.base + r.pos
	fail := func(format string, args ...any) ([]byte, error) {
		if r.err != nil {
			return nil, r.err
		}
		return nil, &Error{Offset: start, Reason: fmt.Sprintf(format, args...)}
	}
	if _, err := decodeText(r.data[r.pos+1:r.pos+3], func(int) []byte { return nil }); err != nil {
		return fail("want a string that begins with 0x, have %s", Excerpt(r.data[r.pos+1:]))
	}
	r.pos += 3
	var pieces [][]byte
	size := 0
	for {
		digits := r.data[r.pos:]
		end := bytes.IndexByte(digits, '"')
		if end >= 0 {
			digits = digits[:end]
		} else {
			digits = digits[:len(digits)&^1]
		}
		piece := make([]byte, len(digits)/2)
		size += len(piece)
		switch {
		case len(digits)%2 != 0:
			return fail("odd number of hexadecimal digits (%d)", 2*size+1)
		case !decode(piece, digits):
			return fail("a character that is no hexadecimal digit in the string")
		case size > maxHex/2:
			return fail("a string is over %d characters", maxHex)
		}
		pieces = append(pieces, piece)
		r.pos += len(digits)
		if end >= 0 {
			r.pos++
			break
		}
		if !r.more() {
			return fail("the string has no end")
		}
	}
	out := take(size)[:0]
	for _, piece := range pieces {
		out = append(out, piece...)
	}
	return out[:size:size], nil
}
