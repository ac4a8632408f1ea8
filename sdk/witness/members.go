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

// member is a member of a JSON object whose value becomes a part of a T.
type member[T any] struct {
	name string
	read func(*jsonhex.Reader, *T) error
	// refuseNull is true for a member that may be absent but must not be null.
	refuseNull bool
}

// members are the members of an object that are read, by name; all others are
// skipped.
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

// presence is the set of members that an object has, one bit each, in the order of the
// list. A member that is null counts as absent.
type presence uint64

// read consumes the value of a member. It refuses a member that comes twice, because
// readers differ in which of the two values they take.
func (m *members[T]) read(r *jsonhex.Reader, key []byte, to *T, have *presence) error {
	i, known := m.index[string(key)]
	if !known {
		return r.Skip()
	}
	name := m.list[i].name
	null, err := r.Null()
	if null && m.list[i].refuseNull {
		err = errNoValue
	}
	if err == nil && !null {
		if *have&(1<<i) != 0 {
			return fmt.Errorf("%s is there twice", name)
		}
		*have |= 1 << i
		err = m.list[i].read(r, to)
	}
	return inMember(name, err)
}

// inMember puts the name of a member before an error of its value: "a: …", or "a[3]: …"
// for an error of an element.
func inMember(name string, err error) error {
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
func (m *members[T]) object(r *jsonhex.Reader, to *T) (have presence, err error) {
	err = r.Object(func(key []byte) error { return m.read(r, key, to, &have) })
	return have, err
}

func (m *members[T]) has(have presence, name string) bool { return have&(1<<m.index[name]) != 0 }

// require fails with the first of the names that is absent.
func (m *members[T]) require(have presence, names ...string) error {
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
// It accepts leading zeros, although the execution API forbids them.
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

// The following functions return members of different types. The function place returns
// where the value is stored in a T.

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

// notNull returns the member with refuseNull set.
func notNull[T any](m member[T]) member[T] {
	m.refuseNull = true
	return m
}

// emptyIsAbsent returns the member changed so that an empty string counts as absent.
func emptyIsAbsent[T any](m member[T]) member[T] {
	return member[T]{name: m.name, read: func(r *jsonhex.Reader, to *T) error {
		empty, err := emptyText(r)
		if empty || err != nil {
			return err
		}
		return m.read(r, to)
	}}
}

// emptyText consumes an empty string and reports true. It leaves any other value.
func emptyText(r *jsonhex.Reader) (bool, error) {
	kind, err := r.Peek()
	if err != nil || kind != jsonhex.String || !r.EmptyNext() {
		return false, err
	}
	_, err = r.Text()
	return true, err
}

// array reads a list. An error in an element is an elementError.
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

// appendDoubling is append for long lists. It doubles the capacity, because append grows
// long lists in small steps, each of which leaves a copy to the garbage collector.
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
