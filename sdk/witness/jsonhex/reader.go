package jsonhex

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// maxDepth bounds the nesting of one document; nodes nest five levels deep.
const maxDepth = 1000

// Kind is the kind of a JSON value, named by its first character; all numbers
// are Number.
type Kind byte

// The kinds of value.
const (
	Null   Kind = 'n'
	True   Kind = 't'
	False  Kind = 'f'
	Number Kind = '0'
	String Kind = '"'
	Object Kind = '{'
	Array  Kind = '['
)

func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case True, False:
		return "a boolean"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Object:
		return "an object"
	case Array:
		return "an array"
	}
	return "no JSON value"
}

// Error is a fault of the document at a byte offset.
type Error struct {
	Offset int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Reader walks one JSON document. It is not safe for concurrent use. After an
// error its position is undefined and it must not be used further.
type Reader struct {
	data    []byte
	pos     int
	depth   int
	inPlace bool
	arena   []byte
}

// NewReader returns a reader of data that leaves data untouched: Hex decodes
// into one buffer of at most half its size.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// NewInPlaceReader returns a reader that owns data: Hex decodes over the
// characters it has read, and its results are parts of data.
func NewInPlaceReader(data []byte) *Reader { return &Reader{data: data, inPlace: true} }

func (r *Reader) fail(format string, args ...any) error {
	return &Error{Offset: r.pos, Reason: fmt.Sprintf(format, args...)}
}

// space skips white space and returns the next byte, 0 at the end.
func (r *Reader) space() byte {
	for ; r.pos < len(r.data); r.pos++ {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// Peek returns the kind of the next value without consuming it, and an error
// where no value can start.
func (r *Reader) Peek() (Kind, error) {
	switch c := r.space(); c {
	case '{', '[', '"', 'n', 't', 'f':
		return Kind(c), nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number, nil
	default:
		if r.pos >= len(r.data) {
			return 0, r.fail("the document ends where a value is expected")
		}
		return 0, r.fail("unexpected character %q", c)
	}
}

// expect makes sure that the next value is of the kind.
func (r *Reader) expect(want Kind) error {
	have, err := r.Peek()
	if err != nil {
		return err
	}
	if have != want {
		return r.fail("want %v, have %v", want, have)
	}
	return nil
}

// Null consumes a null and reports true; any other value stays where it is.
func (r *Reader) Null() (bool, error) {
	k, err := r.Peek()
	if err != nil || k != Null {
		return false, err
	}
	return true, r.literal("null")
}

func (r *Reader) literal(word string) error {
	if !bytes.HasPrefix(r.data[r.pos:], []byte(word)) {
		return r.fail("unknown literal")
	}
	r.pos += len(word)
	return nil
}

// Object walks an object and calls member for each of its keys, in order. The
// key is valid during the call only, which must consume the member's value.
func (r *Reader) Object(member func(key []byte) error) error {
	return r.container(Object, '}', "member of an object", func(int) error {
		key, err := r.Text()
		if err != nil {
			return err
		}
		if r.space() != ':' {
			return r.fail("want a colon after the key %q", key)
		}
		r.pos++
		return member(key)
	})
}

// Array walks an array and calls element with the index of each of its
// elements, in order. The call must consume the element.
func (r *Reader) Array(element func(i int) error) error {
	return r.container(Array, ']', "element of an array", element)
}

func (r *Reader) container(kind Kind, end byte, what string, item func(int) error) error {
	if err := r.expect(kind); err != nil {
		return err
	}
	if r.depth++; r.depth > maxDepth {
		return r.fail("nested deeper than %d levels", maxDepth)
	}
	defer func() { r.depth-- }()
	r.pos++
	if r.space() == end {
		r.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := item(i); err != nil {
			return err
		}
		switch c := r.space(); {
		case c == end:
			r.pos++
			return nil
		case c == ',':
			r.pos++
		case r.pos >= len(r.data):
			return r.fail("the document ends after the %s", what)
		default:
			return r.fail("unexpected character %q after the %s", c, what)
		}
	}
}

// quoted consumes a string and returns what stands between its quotes, escapes
// not resolved, and whether there are any.
func (r *Reader) quoted() (content []byte, escaped bool, err error) {
	if err := r.expect(String); err != nil {
		return nil, false, err
	}
	start := r.pos + 1
	for from := start; ; {
		i := bytes.IndexByte(r.data[from:], '"')
		if i < 0 {
			return nil, false, r.fail("the string has no end")
		}
		end := from + i
		backslashes := 0
		for r.data[end-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			r.pos = end + 1
			content = r.data[start:end]
			return content, bytes.IndexByte(content, '\\') >= 0, nil
		}
		from = end + 1
	}
}

// Text consumes a string and returns its characters. The result is a part of
// the document unless the string has escapes.
func (r *Reader) Text() ([]byte, error) {
	start := r.pos
	content, escaped, err := r.quoted()
	if err != nil || !escaped {
		return content, err
	}
	var text string
	if err := json.Unmarshal(r.data[r.pos-len(content)-2:r.pos], &text); err != nil {
		r.pos = start
		return nil, r.fail("bad escape in a string")
	}
	return []byte(text), nil
}

// Hex consumes a string of 0x and an even number of hexadecimal digits and
// returns the bytes. The result stays valid and does not overlap with any
// other; it has no spare capacity.
func (r *Reader) Hex() ([]byte, error) {
	return r.hex(true)
}

// HexLenient is Hex that also takes a string without 0x.
func (r *Reader) HexLenient() ([]byte, error) {
	return r.hex(false)
}

func (r *Reader) hex(prefix bool) ([]byte, error) {
	r.space()
	start := r.pos
	text, err := r.Text()
	if err != nil {
		return nil, err
	}
	digits := text
	if len(text) >= 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		digits = text[2:]
	} else if prefix {
		r.pos = start
		return nil, r.fail("want a string that begins with 0x, have %s", Excerpt(text))
	}
	if len(digits)%2 != 0 {
		r.pos = start
		return nil, r.fail("odd number of hexadecimal digits (%d)", len(digits))
	}
	n := len(digits) / 2
	out := digits[:n:n]
	if !r.inPlace {
		if r.arena == nil {
			r.arena = make([]byte, (len(r.data)-start)/2)
		}
		if n > len(r.arena) { // only where escapes made the text longer
			r.arena = make([]byte, n)
		}
		out = r.arena[:n:n]
		r.arena = r.arena[n:]
	}
	if !decode(out, digits) {
		r.pos = start
		return nil, r.fail("a character that is no hexadecimal digit in the string")
	}
	return out, nil
}

// Raw consumes any value and returns its text, which is a part of the document.
func (r *Reader) Raw() ([]byte, error) {
	r.space()
	start := r.pos
	if err := r.Skip(); err != nil {
		return nil, err
	}
	return r.data[start:r.pos:r.pos], nil
}

// Skip consumes any value.
func (r *Reader) Skip() error {
	k, err := r.Peek()
	if err != nil {
		return err
	}
	switch k {
	case Object:
		return r.Object(func([]byte) error { return r.Skip() })
	case Array:
		return r.Array(func(int) error { return r.Skip() })
	case String:
		_, _, err := r.quoted()
		return err
	case Null:
		return r.literal("null")
	case True:
		return r.literal("true")
	case False:
		return r.literal("false")
	}
	for r.pos < len(r.data) && strings.IndexByte("+-.eE0123456789", r.data[r.pos]) >= 0 {
		r.pos++
	}
	return nil
}

// End makes sure that nothing but white space follows.
func (r *Reader) End() error {
	if r.space(); r.pos < len(r.data) {
		return r.fail("unexpected character %q after the document", r.data[r.pos])
	}
	return nil
}

// Excerpt quotes a text for an error message, shortened to 40 characters.
func Excerpt(text []byte) string {
	if len(text) > 40 {
		return fmt.Sprintf("%q…", text[:40])
	}
	return fmt.Sprintf("%q", text)
}
