package ethblock

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// field is the position of a member in a table of known members.
type field int

// value is a member's value: the characters of a string, or null.
type value struct {
	text    []byte
	present bool // the key is there
	null    bool
}

// fields are the known members of one object. Members come in any order and
// mean different things by transaction type, so they are collected first and
// converted then. The first failing conversion sets err; later ones do nothing.
type fields struct {
	names  []string
	values []value
	err    error
}

func indexOf(names []string) map[string]field {
	index := make(map[string]field, len(names))
	for i, name := range names {
		index[name] = field(i)
	}
	return index
}

// read consumes the value of a member; unknown members are ignored.
func (f *fields) read(r *jsonhex.Reader, index map[string]field, key []byte) error {
	i, known := index[string(key)]
	if !known {
		return r.Skip()
	}
	v := &f.values[i]
	*v = value{present: true}
	var err error
	if v.null, err = r.Null(); err == nil && !v.null {
		v.text, err = r.Text()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.names[i], err)
	}
	return nil
}

func missing(name string) error { return fmt.Errorf("%s is missing", name) }

func (f *fields) fail(i field, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("%s: %w", f.names[i], err)
	}
}

// given reports whether the member is there and not null.
func (f *fields) given(i field) bool { return f.values[i].present && !f.values[i].null }

// text returns the characters of a required string.
func (f *fields) text(i field) ([]byte, bool) {
	switch v := f.values[i]; {
	case f.err != nil:
		return nil, false
	case !v.present:
		f.err = missing(f.names[i])
		return nil, false
	case v.null:
		f.fail(i, errors.New("null, where a value is required"))
		return nil, false
	default:
		return v.text, true
	}
}

// present requires that the member is there, be it null.
func (f *fields) present(i field) {
	if f.err == nil && !f.values[i].present {
		f.err = missing(f.names[i])
	}
}

func (f *fields) uint64(i field) uint64 {
	n := f.uint256(i)
	if f.err == nil && !n.IsUint64() {
		f.fail(i, fmt.Errorf("%s has more than 64 bits", n.Hex()))
	}
	return n.Uint64()
}

func (f *fields) uint256(i field) (n uint256.Int) {
	if text, ok := f.text(i); ok {
		var err error
		if n, err = quantity(text); err != nil {
			f.fail(i, err)
		}
	}
	return n
}

// fixed fills dst, whose length the value must have.
func (f *fields) fixed(i field, dst []byte) {
	if text, ok := f.text(i); ok {
		if err := fill(dst, text); err != nil {
			f.fail(i, err)
		}
	}
}

// bytes returns a byte string of any length.
func (f *fields) bytes(i field) []byte {
	text, ok := f.text(i)
	if !ok {
		return nil
	}
	b, err := jsonhex.DecodeInPlace(text)
	if err != nil {
		f.fail(i, err)
	}
	return b
}

// optionalUint64 returns nil where the member is missing, null or "".
func (f *fields) optionalUint64(i field) *uint64 {
	if !f.given(i) || len(f.values[i].text) == 0 {
		return nil
	}
	n := f.uint64(i)
	return &n
}

// optionalHash returns nil where the member is missing or null.
func (f *fields) optionalHash(i field) *[32]byte {
	if !f.given(i) {
		return nil
	}
	h := new([32]byte)
	f.fixed(i, h[:])
	return h
}

// quantity reads 0x and 1 to 64 significant hexadecimal digits.
func quantity(text []byte) (n uint256.Int, err error) {
	if len(text) < 3 || text[0] != '0' || text[1] != 'x' {
		return n, fmt.Errorf("%s is no hexadecimal number", jsonhex.Excerpt(text))
	}
	digits := text[2:]
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) > 64 {
		return n, fmt.Errorf("%s has more than 256 bits", jsonhex.Excerpt(text))
	}
	for i := range digits {
		digit, ok := hexDigit(digits[len(digits)-1-i])
		if !ok {
			return n, fmt.Errorf("%s is no hexadecimal number", jsonhex.Excerpt(text))
		}
		n[i/16] |= digit << (4 * (i % 16))
	}
	return n, nil
}

func hexDigit(c byte) (uint64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint64(c - '0'), true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10, true
	}
	return 0, false
}

// fill decodes a byte string of exactly the length of dst.
func fill(dst, text []byte) error {
	if len(text) < 2 || text[0] != '0' || text[1] != 'x' {
		return fmt.Errorf("want a string that begins with 0x, have %s", jsonhex.Excerpt(text))
	}
	if len(text)-2 != 2*len(dst) {
		return fmt.Errorf("want %d bytes, have %d hexadecimal digits", len(dst), len(text)-2)
	}
	_, err := hex.Decode(dst, text[2:])
	return err
}

// list reads an array; errors name the element.
func list[T any](r *jsonhex.Reader, name string, element func(*jsonhex.Reader) (T, error)) ([]T, error) {
	items := []T{}
	err := r.Array(func(i int) error {
		item, err := element(r)
		if err != nil {
			return fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		items = append(items, item)
		return nil
	})
	return items, err
}
