package witness

import (
	"errors"
	"fmt"
	"io"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// Entries holds the functions that get the entries of a witness, one at a time and in the
// node's order. The bytes are valid during the call. Entries of a nil function are
// skipped. An error of a function ends the scan.
type Entries struct {
	State, Code, Key func(entry []byte) error
	Header           func(rlp []byte) error
}

// Form describes how a node has written a witness.
type Form struct {
	Shape                 Shape
	CodesGiven, KeysGiven bool // false where the member is null or absent
}

// Scan reads a witness from a stream and calls the functions of to with its entries. The
// memory that it needs does not grow with the witness. It accepts what Read accepts. An
// error of src or of a function is wrapped by the returned error.
func Scan(src io.Reader, to Entries) (Form, error) {
	r := jsonhex.NewStreamReader(src)
	var buf []byte
	return scan(r, to, func() (entry []byte, err error) {
		buf, err = r.AppendHex(buf[:0])
		return buf, err
	})
}

// maxTiny is the largest number of entries of fewer than tiny bytes that a witness may
// have. Trie nodes have at least 32 bytes and keys at least 20, and codes are rarely so
// short. A list of empty strings, which take five characters each, would take many times
// its size in memory.
const (
	tiny    = 16
	maxTiny = 1 << 16
)

// scanner is the state of one scan.
type scanner struct {
	r    *jsonhex.Reader
	to   Entries
	hex  func() ([]byte, error) // reads one byte string
	form Form
	tiny int // number of entries of fewer than tiny bytes
}

func scan(r *jsonhex.Reader, to Entries, hex func() ([]byte, error)) (Form, error) {
	s := &scanner{r: r, to: to, hex: hex}
	if err := s.members(); err != nil {
		return Form{}, fmt.Errorf("execution witness: %w", err)
	}
	return s.form, nil
}

// members reads the members. State and headers are required; absent codes or keys count
// as empty lists. A member that comes twice is refused.
func (s *scanner) members() error {
	given := map[string]bool{}
	err := answerObject(s.r, func(key []byte) (err error) {
		name := string(key)
		have := false
		switch name {
		case "state":
			have, err = s.byteStrings(s.to.State)
		case "codes":
			have, err = s.byteStrings(s.to.Code)
			s.form.CodesGiven = have
		case "keys":
			have, err = s.byteStrings(s.to.Key)
			s.form.KeysGiven = have
		case "headers":
			have, err = s.headers()
		default:
			return s.r.Skip()
		}
		if err == nil && have && given[name] {
			err = errors.New("is there twice")
		}
		given[name] = given[name] || have
		return inMember(name, err)
	})
	switch {
	case err != nil:
		return err
	case !given["state"] && !given["codes"] && !given["headers"]:
		return errors.New("none of state, codes and headers is there: not the answer to debug_executionWitness")
	case !given["state"]:
		return errors.New("state is missing")
	case !given["headers"] && s.form.Shape != ShapeMaps:
		return errors.New("headers is missing")
	}
	return nil
}

// byteStrings reads a list of byte strings, or a map whose values are byte strings, and
// calls take with each. It reports false for null.
func (s *scanner) byteStrings(take func([]byte) error) (given bool, err error) {
	kind, err := s.r.Peek()
	if err != nil {
		return false, err
	}
	switch kind {
	case jsonhex.Null:
		_, err := s.r.Null()
		return false, err
	case jsonhex.Object:
		s.form.Shape = ShapeMaps
		return true, s.r.Object(func(hash []byte) error {
			if err := s.entry(take); err != nil {
				return fmt.Errorf("%s: %w", jsonhex.Excerpt(hash), err)
			}
			return nil
		})
	}
	return true, s.r.Array(func(i int) error {
		if err := s.entry(take); err != nil {
			return &elementError{i, err}
		}
		return nil
	})
}

func (s *scanner) entry(take func([]byte) error) error {
	entry, err := s.hex()
	if err != nil {
		return err
	}
	if len(entry) < tiny {
		if s.tiny++; s.tiny > maxTiny {
			return fmt.Errorf("more than %d entries of fewer than %d bytes: no witness has so many", maxTiny, tiny)
		}
	}
	if take == nil {
		return nil
	}
	return take(entry)
}

// headers reads a list of headers, each an RLP string or an object. It reports
// false for null.
func (s *scanner) headers() (given bool, err error) {
	if null, err := s.r.Null(); null || err != nil {
		return false, err
	}
	return true, s.r.Array(func(i int) error {
		if err := s.headerEntry(); err != nil {
			return &elementError{i, err}
		}
		return nil
	})
}

func (s *scanner) headerEntry() error {
	kind, err := s.r.Peek()
	if err != nil {
		return err
	}
	if kind != jsonhex.Object {
		return s.entry(s.to.Header)
	}
	s.form.Shape = ShapeObjects
	raw, err := readHeader(s.r)
	if err != nil || s.to.Header == nil {
		return err
	}
	return s.to.Header(raw)
}
