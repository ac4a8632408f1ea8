package witnesscheck

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Limits on single values; real nodes, codes and headers are far below.
const (
	maxString  = 16 << 20 // characters of one hexadecimal string
	maxHeaders = 8 << 20  // characters of the list of headers
)

// stream reads a JSON document of hexadecimal strings piece by piece.
type stream struct {
	r     *bufio.Reader
	long  []byte // a string that did not fit the buffer
	bytes []byte // the decoded string
}

// next returns the next byte that is not white space, and consumes it.
func (s *stream) next() (byte, error) {
	for {
		c, err := s.r.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, nil
		}
	}
}

// text returns the rest of a string whose opening quote was consumed. It is
// valid until the next read. Escapes do not occur in hexadecimal strings and
// are refused.
func (s *stream) text() ([]byte, error) {
	part, err := s.r.ReadSlice('"')
	if err == nil {
		return plain(part[:len(part)-1])
	}
	s.long = s.long[:0]
	for errors.Is(err, bufio.ErrBufferFull) {
		s.long = append(s.long, part...)
		if len(s.long) > maxString {
			return nil, fmt.Errorf("a string is over %d characters", maxString)
		}
		part, err = s.r.ReadSlice('"')
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if s.long = append(s.long, part...); len(s.long) > maxString {
		return nil, fmt.Errorf("a string is over %d characters", maxString)
	}
	return plain(s.long[:len(s.long)-1])
}

func plain(text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '\\') >= 0 {
		return nil, errors.New("a string with escapes where hexadecimal digits belong")
	}
	return text, nil
}

// hexString decodes the rest of a string; the result is valid until the next
// one is decoded.
func (s *stream) hexString() ([]byte, error) {
	text, err := s.text()
	if err != nil {
		return nil, err
	}
	digits, ok := bytes.CutPrefix(text, []byte("0x"))
	if !ok || len(digits)%2 != 0 {
		return nil, fmt.Errorf("%q is no byte string: want 0x and pairs of hexadecimal digits", text[:min(len(text), 40)])
	}
	n := len(digits) / 2
	if cap(s.bytes) < n {
		s.bytes = make([]byte, n, max(n, 64<<10))
	}
	s.bytes = s.bytes[:n]
	if _, err := hex.Decode(s.bytes, digits); err != nil {
		return nil, err
	}
	return s.bytes, nil
}

// object calls member for every member of an object whose opening brace was
// consumed, with the first byte of its value consumed too. The name is valid
// until member reads.
func (s *stream) object(member func(name string, first byte) error) error {
	for n := 0; ; n++ {
		c, err := s.next()
		if err != nil {
			return err
		}
		if c == '}' {
			return nil
		}
		if n > 0 {
			if c != ',' {
				return fmt.Errorf("%q where a comma belongs", c)
			}
			if c, err = s.next(); err != nil {
				return err
			}
		}
		if c != '"' {
			return fmt.Errorf("%q where a member's name belongs", c)
		}
		text, err := s.text()
		if err != nil {
			return err
		}
		name := string(text)
		if c, err = s.next(); err != nil {
			return err
		}
		if c != ':' {
			return fmt.Errorf("%q where a colon belongs", c)
		}
		if c, err = s.next(); err != nil {
			return err
		}
		if err := member(name, c); err != nil {
			return err
		}
	}
}

// byteStrings calls each for every byte string of a list or of a map's values,
// whose first byte was consumed. Null counts as empty.
func (s *stream) byteStrings(first byte, each func([]byte) error) error {
	element := func(c byte) error {
		if c != '"' {
			return fmt.Errorf("%q where a string belongs", c)
		}
		b, err := s.hexString()
		if err != nil {
			return err
		}
		return each(b)
	}
	switch first {
	case 'n':
		return s.literal("ull")
	case '{':
		return s.object(func(_ string, c byte) error { return element(c) })
	case '[':
	default:
		return fmt.Errorf("%q where a list belongs", first)
	}
	for n := 0; ; n++ {
		c, err := s.next()
		if err != nil {
			return err
		}
		if c == ']' {
			return nil
		}
		if n > 0 {
			if c != ',' {
				return fmt.Errorf("%q where a comma belongs", c)
			}
			if c, err = s.next(); err != nil {
				return err
			}
		}
		if err := element(c); err != nil {
			return err
		}
	}
}

func (s *stream) literal(rest string) error {
	for i := range len(rest) {
		c, err := s.r.ReadByte()
		if err != nil || c != rest[i] {
			return errors.New("a value that is neither list nor null")
		}
	}
	return nil
}

// raw returns a whole value whose first byte was consumed, at most limit bytes
// of it. With keep false it returns nothing and has no limit.
func (s *stream) raw(first byte, keep bool, limit int) ([]byte, error) {
	var out []byte
	put := func(b ...byte) error {
		if !keep {
			return nil
		}
		if len(out)+len(b) > limit {
			return fmt.Errorf("a value is over %d bytes", limit)
		}
		out = append(out, b...)
		return nil
	}
	depth, quoted, escaped := 0, false, false
	for c := first; ; {
		if err := put(c); err != nil {
			return nil, err
		}
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 && !quoted {
			if c == '"' || c == '}' || c == ']' {
				return out, nil
			}
			// A literal or number ends before what follows it.
			next, err := s.r.Peek(1)
			if err != nil || next[0] == ',' || next[0] == '}' || next[0] == ']' || next[0] <= ' ' {
				return out, nil
			}
		}
		var err error
		if c, err = s.r.ReadByte(); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
}
