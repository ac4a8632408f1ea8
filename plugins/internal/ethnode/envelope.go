package ethnode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// envelopeLimit is the largest size, in bytes, of a member of a JSON-RPC answer other
// than its result.
const envelopeLimit = 256 << 10

// errNullResult means that the result is null, with which a node reports that it does
// not have the block.
var errNullResult = errors.New("the node answered null")

// envelope parses a JSON-RPC answer while it arrives. It writes the bytes of the
// value of "result" to dst unchanged, and keeps the other members up to
// envelopeLimit. It checks the nesting and the quoting of the result; the reader of
// the result checks the rest of its grammar. The members may come in any order.
//
// Write takes the answer in pieces of any size. Close reports whether the answer was
// complete, and returns the node's error if the answer is one.
type envelope struct {
	dst io.Writer

	state   envelopeState
	depth   int  // of the value being read
	quoted  bool // inside a string
	escaped bool // the last byte was a backslash in a string
	key     []byte
	value   []byte // the value being read, unless it is the result

	failure    json.RawMessage // value of "error"
	hasResult  bool            // a result that is not null
	nullResult bool            // a result that is null
	undecided  []byte          // the first bytes of a result that may still be null
	err        error
}

type envelopeState int

const (
	beforeObject envelopeState = iota
	beforeKey
	inKey
	beforeColon
	beforeValue
	inValue  // of any member but the result
	inResult // of the result
	afterValue
	afterObject
)

func (e *envelope) Write(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	for rest := p; len(rest) > 0; {
		n, err := e.step(rest)
		if err != nil {
			e.err = err
			return len(p) - len(rest), err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// step consumes bytes of p, or changes the state, or both.
func (e *envelope) step(p []byte) (int, error) {
	switch e.state {
	case inKey:
		return e.readKey(p)
	case inValue, inResult:
		return e.readValue(p)
	}
	c := p[0]
	if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
		return 1, nil
	}
	unexpected := func(want string) (int, error) {
		return 0, newGarbageError(want, p)
	}
	switch e.state {
	case beforeObject:
		if c != '{' {
			return unexpected("an object")
		}
		e.state = beforeKey
	case beforeKey:
		if c == '}' {
			e.state = afterObject
			return 1, nil
		}
		if c != '"' {
			return unexpected("a member's name")
		}
		e.key, e.state = e.key[:0], inKey
	case beforeColon:
		if c != ':' {
			return unexpected("a colon")
		}
		e.state = beforeValue
	case beforeValue:
		e.depth, e.quoted, e.escaped = 0, false, false
		e.value, e.undecided = e.value[:0], e.undecided[:0]
		e.state = inValue
		if string(e.key) == "result" {
			if e.hasResult || e.nullResult {
				return 0, errors.New("answer is no JSON-RPC: two results")
			}
			e.state = inResult
		}
		return 0, nil // the value's first byte is read in its own state
	case afterValue:
		switch c {
		case ',':
			e.state = beforeKey
		case '}':
			e.state = afterObject
		default:
			return unexpected("a comma")
		}
	case afterObject:
		return unexpected("nothing after the answer")
	}
	return 1, nil
}

func (e *envelope) readKey(p []byte) (int, error) {
	end := bytes.IndexByte(p, '"')
	text := p
	if end >= 0 {
		text = p[:end]
	}
	if len(e.key)+len(text) > 64 {
		return 0, errors.New("answer is no JSON-RPC: a member's name is too long")
	}
	e.key = append(e.key, text...)
	if end < 0 {
		return len(p), nil
	}
	e.state = beforeColon
	return end + 1, nil
}

// readValue consumes the part of p that belongs to the current value.
func (e *envelope) readValue(p []byte) (int, error) {
	n, done, err := e.scan(p)
	if err != nil {
		return 0, err
	}
	if err := e.keep(p[:n]); err != nil {
		return 0, err
	}
	if done {
		if n == 0 && len(e.value) == 0 && len(e.undecided) == 0 {
			return 0, fmt.Errorf("answer is no JSON-RPC: member %q has no value", e.key)
		}
		return n, e.endValue()
	}
	return n, nil
}

// scan returns how many bytes of p belong to the value, and whether the value ends
// there. A number, true, false and null end before the character that follows them.
func (e *envelope) scan(p []byte) (n int, done bool, err error) {
	for i := 0; i < len(p); {
		if e.quoted {
			if e.escaped {
				e.escaped = false
				i++
				continue
			}
			end := bytes.IndexByte(p[i:], '"')
			text := p[i:]
			if end >= 0 {
				text = p[i : i+end]
			}
			if slash := bytes.IndexByte(text, '\\'); slash >= 0 {
				e.escaped = true
				i += slash + 1
				continue
			}
			if end < 0 {
				return len(p), false, nil
			}
			e.quoted = false
			i += end + 1
			if e.depth == 0 {
				return i, true, nil
			}
			continue
		}
		switch p[i] {
		case ' ', '\t', '\n', '\r': // also ends a number, true, false and null
			if e.depth == 0 {
				return i, true, nil
			}
		case '"':
			e.quoted = true
		case '{', '[':
			e.depth++
			if e.depth > 64 {
				return 0, false, errors.New("answer is nested too deeply")
			}
		case '}', ']':
			if e.depth == 0 {
				return i, true, nil
			}
			e.depth--
			if e.depth == 0 {
				return i + 1, true, nil
			}
		case ',':
			if e.depth == 0 {
				return i, true, nil
			}
		}
		i++
	}
	return len(p), false, nil
}

func (e *envelope) keep(p []byte) error {
	if e.state == inValue {
		if len(e.value)+len(p) > envelopeLimit {
			return fmt.Errorf("answer is no JSON-RPC: member %q is over %d bytes", e.key, envelopeLimit)
		}
		e.value = append(e.value, p...)
		return nil
	}
	// A result of up to four bytes may be null, which must not reach dst.
	if !e.hasResult {
		if len(e.undecided)+len(p) <= 4 {
			e.undecided = append(e.undecided, p...)
			return nil
		}
		e.hasResult = true
		if _, err := e.dst.Write(e.undecided); err != nil {
			return err
		}
	}
	_, err := e.dst.Write(p)
	return err
}

func (e *envelope) endValue() error {
	if e.state == inValue {
		if string(e.key) == "error" && string(bytes.TrimSpace(e.value)) != "null" {
			e.failure = bytes.Clone(e.value)
		}
		e.state = afterValue
		return nil
	}
	e.state = afterValue
	if e.hasResult {
		return nil
	}
	if text := bytes.TrimSpace(e.undecided); string(text) == "null" {
		e.nullResult = true
		return nil
	}
	e.hasResult = true
	_, err := e.dst.Write(e.undecided)
	return err
}

// Close returns nil for an answer with a result. Otherwise it returns errNullResult,
// an *RPCError, io.ErrUnexpectedEOF for an answer that is not complete, or the fault
// in the answer's form.
func (e *envelope) Close() error {
	switch {
	case e.err != nil:
		return e.err
	case e.state == beforeObject:
		return errors.New("answer is empty")
	case e.state != afterObject:
		return io.ErrUnexpectedEOF
	case e.failure != nil:
		return decodeRPCError(e.failure)
	case e.nullResult:
		return errNullResult
	case !e.hasResult:
		return errors.New("answer is no JSON-RPC: neither result nor error")
	}
	return nil
}
