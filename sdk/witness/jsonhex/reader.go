package jsonhex

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxDepth is the largest depth of nesting that is accepted. Nodes need five levels.
const maxDepth = 1000

// Kind is the kind of a JSON value. Its value is the first character of the JSON; all
// numbers are Number.
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

// String names the kind with its article, for error messages.
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

// Error is a fault of the document.
type Error struct {
	Offset int // in bytes from the beginning of the document
	Reason string
}

// Error returns the reason and the offset.
func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Reader reads one JSON document. It is not safe for concurrent use. After an
// error its position is undefined and it must not be used further.
type Reader struct {
	data  []byte    // the document, or the window of it that was read last
	pos   int       // current position in data
	base  int       // offset of data in the document
	mark  int       // position in data from which on the window is kept; -1 for none
	src   io.Reader // nil if data is the whole document
	err   error     // the error of src, other than io.EOF
	depth int       // number of objects and arrays around the current value
	names []byte    // the keys of the objects around the current value
	arena arena
}

// The window of a stream reader has firstWindow bytes at first. It grows to about the
// length of the longest value: a byte string of more than half of window is decoded in
// pieces, and a value that Text or Raw reads has at most maxText bytes.
const (
	firstWindow = 32 << 10
	window      = 128 << 10
)

// maxText is the length in bytes of the longest value that Text or Raw reads from a
// stream, and maxHex the length of the longest byte string, in hexadecimal digits. A block
// holds no more than 10 MiB (EIP-7934), and everything that is read as text is far shorter.
const (
	maxText = 1 << 20
	maxHex  = 64 << 20
)

// NewReader returns a reader of the document in data, which it does not change.
func NewReader(data []byte) *Reader { return &Reader{data: data, mark: -1} }

// NewStreamReader returns a reader of the document that src delivers. It holds only the
// part of the document around the current position.
func NewStreamReader(src io.Reader) *Reader {
	return &Reader{src: src, mark: -1, data: make([]byte, 0, firstWindow)}
}

// fail returns an error at the current position, or the error of the source if there is
// one.
func (r *Reader) fail(format string, args ...any) error {
	if r.err != nil {
		return r.err
	}
	return &Error{Offset: r.base + r.pos, Reason: fmt.Sprintf(format, args...)}
}

// more reads from the source and reports whether it has got any bytes. It moves the bytes
// that are still needed, which begin at pos or mark, to the front of the window.
func (r *Reader) more() bool {
	if r.src == nil {
		return false
	}
	keep := r.pos
	if r.mark >= 0 {
		keep = min(keep, r.mark)
		r.mark -= keep
	}
	n := len(r.data) - keep
	if n >= maxText {
		r.err = r.fail("a value is over %d bytes", maxText)
		r.src = nil
		return false
	}
	if keep > 0 {
		copy(r.data, r.data[keep:])
		r.data, r.pos, r.base = r.data[:n], r.pos-keep, r.base+keep
	}
	if n == cap(r.data) {
		r.data = slices.Grow(r.data, n)
	}
	for range maxEmptyReads {
		m, err := r.src.Read(r.data[n:cap(r.data)])
		r.data = r.data[:n+m]
		if err != nil {
			r.src = nil
			if err != io.EOF {
				r.err = err
			}
		}
		if m > 0 || err != nil {
			return m > 0
		}
	}
	r.src, r.err = nil, io.ErrNoProgress
	return false
}

const maxEmptyReads = 100

// space skips white space and returns the next byte, or 0 at the end.
func (r *Reader) space() byte {
	for {
		for ; r.pos < len(r.data); r.pos++ {
			switch c := r.data[r.pos]; c {
			case ' ', '\t', '\n', '\r':
			default:
				return c
			}
		}
		if !r.more() {
			return 0
		}
	}
}

// Peek returns the kind of the next value without consuming it. It fails if no value
// starts at the current position.
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

// EmptyNext reports whether the next value is the empty string.
func (r *Reader) EmptyNext() bool {
	if r.space() != '"' {
		return false
	}
	for len(r.data)-r.pos < 2 && r.more() {
	}
	return len(r.data)-r.pos >= 2 && r.data[r.pos+1] == '"'
}

// expect fails unless the next value is of the kind.
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

// Null consumes a null and reports true. It does not consume any other value.
func (r *Reader) Null() (bool, error) {
	k, err := r.Peek()
	if err != nil || k != Null {
		return false, err
	}
	return true, r.literal("null")
}

// literal consumes the literal null, true or false.
func (r *Reader) literal(name string) error {
	for len(r.data)-r.pos < len(name) && r.more() {
	}
	if !bytes.HasPrefix(r.data[r.pos:], []byte(name)) {
		return r.fail("unknown literal")
	}
	r.pos += len(name)
	return nil
}

// Object reads an object and calls member for each of its keys, in order. The
// key is valid during the call, which must consume the member's value.
func (r *Reader) Object(member func(key []byte) error) error {
	return r.container(Object, '}', "member of an object", func(int) error {
		text, err := r.Text()
		if err != nil {
			return err
		}
		outer := len(r.names)
		r.names = append(r.names, text...)
		key := r.names[outer:]
		defer func() { r.names = r.names[:outer] }()
		if r.space() != ':' {
			return r.fail("want a colon after the key %q", key)
		}
		r.pos++
		return member(key)
	})
}

// Array reads an array and calls element with the index of each of its
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

// Raw consumes any value and returns its text. The result is valid for as long as that of
// Text.
func (r *Reader) Raw() ([]byte, error) {
	r.space()
	r.mark = r.pos
	err := r.Skip()
	start := r.mark
	r.mark = -1
	if err != nil {
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
		return r.skipString()
	case Null:
		return r.literal("null")
	case True:
		return r.literal("true")
	case False:
		return r.literal("false")
	}
	for r.pos < len(r.data) || r.more() {
		if strings.IndexByte("+-.eE0123456789", r.data[r.pos]) < 0 {
			break
		}
		r.pos++
	}
	return nil
}

// End fails if anything but white space follows.
func (r *Reader) End() error {
	if r.space(); r.pos < len(r.data) {
		return r.fail("unexpected character %q after the document", r.data[r.pos])
	}
	return r.err
}
