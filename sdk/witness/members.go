package witness

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// A member is a member of a JSON object whose value becomes a part of a T.
type member[T any] struct {
	name string
	read func(*jsonhex.Reader, *T) error
	// set refuses null, for a member that may be absent but has no such value.
	set bool
}

// members are the members of an object that are read, by name; all others are
// passed over.
type members[T any] struct {
	list  []member[T]
	index map[string]int
}

func membersOf[T any](list ...member[T]) *members[T] {
	m := &members[T]{list: list, index: make(map[string]int, len(list))}
	for i, f := range list {
		m.index[f.name] = i
	}
	return m
}

// given are the members that an object has, a bit each; null counts as absent.
type given uint64

// read consumes the value of a member. One that comes twice is refused: it would
// depend on the reader which of the two counts.
func (m *members[T]) read(r *jsonhex.Reader, key []byte, to *T, have *given) error {
	i, known := m.index[string(key)]
	if !known {
		return r.Skip()
	}
	name := m.list[i].name
	null, err := r.Null()
	if null && m.list[i].set {
		err = errNoValue
	}
	if err == nil && !null {
		if *have&(1<<i) != 0 {
			return fmt.Errorf("%s is there twice", name)
		}
		*have |= 1 << i
		err = m.list[i].read(r, to)
	}
	return below(name, err)
}

// below puts a member's name before an error of its value: "a: …", or "a[3]: …"
// for one of an element.
func below(name string, err error) error {
	switch err.(type) {
	case nil:
		return nil
	case *elementError:
		return fmt.Errorf("%s%w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// elementError is an error in an element of a list.
type elementError struct {
	index int
	err   error
}

func (e *elementError) Error() string { return fmt.Sprintf("[%d]: %v", e.index, e.err) }
func (e *elementError) Unwrap() error { return e.err }

// object consumes a whole object.
func (m *members[T]) object(r *jsonhex.Reader, to *T) (have given, err error) {
	err = r.Object(func(key []byte) error { return m.read(r, key, to, &have) })
	return have, err
}

func (m *members[T]) has(have given, name string) bool { return have&(1<<m.index[name]) != 0 }

// require fails with the first of the names that is absent.
func (m *members[T]) require(have given, names ...string) error {
	for _, name := range names {
		if !m.has(have, name) {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}

// readFixed consumes a byte string of exactly the length of dst.
func readFixed(r *jsonhex.Reader, dst []byte) error {
	digits, err := r.Text()
	if err != nil {
		return err
	}
	if len(digits) < 2 || digits[0] != '0' || digits[1]|0x20 != 'x' {
		return fmt.Errorf("want a string that begins with 0x, have %s", jsonhex.Excerpt(digits))
	}
	if len(digits)-2 != 2*len(dst) {
		return fmt.Errorf("want %d bytes, have %d hexadecimal digits", len(dst), len(digits)-2)
	}
	if _, err := hex.Decode(dst, digits[2:]); err != nil {
		return fmt.Errorf("%s is no byte string", jsonhex.Excerpt(digits))
	}
	return nil
}

// readQuantity consumes a string of 0x and at least one hexadecimal digit.
// Leading zeros are taken, although the execution API forbids them.
func readQuantity(r *jsonhex.Reader) (n uint256.Int, err error) {
	digits, err := r.Text()
	if err != nil {
		return n, err
	}
	return quantity(digits)
}

func quantity(chars []byte) (n uint256.Int, err error) {
	if len(chars) < 3 || chars[0] != '0' || chars[1]|0x20 != 'x' {
		return n, fmt.Errorf("%s is no hexadecimal number", jsonhex.Excerpt(chars))
	}
	digits := chars[2:]
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) > 64 {
		return n, fmt.Errorf("%s has more than 256 bits", jsonhex.Excerpt(chars))
	}
	for i := range digits {
		var digit uint64
		switch c := digits[len(digits)-1-i]; {
		case '0' <= c && c <= '9':
			digit = uint64(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			digit = uint64(c|0x20-'a') + 10
		default:
			return n, fmt.Errorf("%s is no hexadecimal number", jsonhex.Excerpt(chars))
		}
		n[i/16] |= digit << (4 * (i % 16))
	}
	return n, nil
}

func readUint64(r *jsonhex.Reader) (uint64, error) {
	n, err := readQuantity(r)
	if err == nil && !n.IsUint64() {
		err = fmt.Errorf("%s has more than 64 bits", n.Hex())
	}
	return n.Uint64(), err
}

// The kinds of member: each names the place in a T that the value goes to.

func fixed[T any](name string, place func(*T) []byte) member[T] {
	return member[T]{name: name, read: func(r *jsonhex.Reader, to *T) error { return readFixed(r, place(to)) }}
}

func number64[T any](name string, place func(*T) *uint64) member[T] {
	return member[T]{name: name, read: func(r *jsonhex.Reader, to *T) (err error) {
		*place(to), err = readUint64(r)
		return err
	}}
}

func number256[T any](name string, place func(*T) *uint256.Int) member[T] {
	return member[T]{name: name, read: func(r *jsonhex.Reader, to *T) (err error) {
		*place(to), err = readQuantity(r)
		return err
	}}
}

func numberBig[T any](name string, place func(*T) **big.Int) member[T] {
	return member[T]{name: name, read: func(r *jsonhex.Reader, to *T) error {
		n, err := readQuantity(r)
		*place(to) = n.ToBig()
		return err
	}}
}

func byteString[T any](name string, place func(*T) *[]byte) member[T] {
	return member[T]{name: name, read: func(r *jsonhex.Reader, to *T) (err error) {
		*place(to), err = r.Hex()
		return err
	}}
}

// notNull refuses null.
func notNull[T any](m member[T]) member[T] {
	m.set = true
	return m
}

// emptyIsAbsent takes an empty string for an absent value.
func emptyIsAbsent[T any](m member[T]) member[T] {
	return member[T]{name: m.name, read: func(r *jsonhex.Reader, to *T) error {
		empty, err := emptyText(r)
		if empty || err != nil {
			return err
		}
		return m.read(r, to)
	}}
}

// emptyText consumes an empty string and reports true.
func emptyText(r *jsonhex.Reader) (bool, error) {
	kind, err := r.Peek()
	if err != nil || kind != jsonhex.String || !r.EmptyNext() {
		return false, err
	}
	_, err = r.Text()
	return true, err
}

// array reads a list; errors name the element.
func array[E any](r *jsonhex.Reader, element func(*jsonhex.Reader, *E) error) ([]E, error) {
	items := []E{}
	err := r.Array(func(i int) error {
		var item E
		if err := element(r, &item); err != nil {
			return &elementError{i, err}
		}
		items = appendDoubling(items, item)
		return nil
	})
	return items, err
}

// appendDoubling is append for long lists, which append grows in small steps, each of
// which it leaves behind.
func appendDoubling[E any](list []E, item E) []E {
	if len(list) == cap(list) {
		list = slices.Grow(list, max(len(list), 1))
	}
	return append(list, item)
}

var (
	errNoObject = errors.New("null where an object is required")
	errNoValue  = errors.New("null where a value is required")
)
