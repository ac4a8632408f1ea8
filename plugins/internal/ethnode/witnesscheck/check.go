package witnesscheck

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/proofline/proofline/sdk/witness"
)

// Checker takes the bytes of a witness, as Writer, and examines them in its own
// goroutine. Finish ends it, and must be called. It is used by one goroutine.
type Checker struct {
	pipe *io.PipeWriter
	done chan struct{}

	nodes   *nodeSet
	codes   int
	keys    [][]byte // addresses
	headers []byte   // the list as JSON
	given   map[string]bool
	err     error
}

// New returns a checker whose goroutine waits for the first bytes.
func New() *Checker {
	r, w := io.Pipe()
	c := &Checker{pipe: w, done: make(chan struct{}), nodes: newNodeSet(), given: make(map[string]bool)}
	go func() {
		defer close(c.done)
		if err := c.read(r); err != nil {
			c.err = fmt.Errorf("execution witness: %w", err)
		}
		r.CloseWithError(c.err) // unblocks the writer
	}()
	return c
}

// Write implements io.Writer. It fails as soon as the bytes are known to be no
// witness.
func (c *Checker) Write(p []byte) (int, error) { return c.pipe.Write(p) }

// Finish ends the stream and waits for the reader. cause is nil when the stream
// was complete; otherwise the answer wraps it. The error says what is wrong with
// the bytes themselves.
func (c *Checker) Finish(cause error) error {
	c.pipe.CloseWithError(cause)
	<-c.done
	return c.err
}

func (c *Checker) read(r io.Reader) error {
	s := &stream{r: bufio.NewReaderSize(r, 256<<10)}
	first, err := s.next()
	if err != nil {
		return err
	}
	if first != '{' {
		return fmt.Errorf("%q where an object belongs", first)
	}
	if err := s.object(func(name string, first byte) error { return c.member(s, name, first) }); err != nil {
		return err
	}
	if extra, err := s.next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		if err == nil {
			err = fmt.Errorf("%q after the end", extra)
		}
		return err
	}
	if !c.given["state"] || !c.given["headers"] {
		return errors.New("state or headers is missing: not the answer to debug_executionWitness, or of a shape without headers that no longer suffices")
	}
	return nil
}

func (c *Checker) member(s *stream, name string, first byte) (err error) {
	switch name {
	case "state":
		err = s.byteStrings(first, func(b []byte) error {
			c.nodes.add(b)
			return nil
		})
	case "codes":
		err = s.byteStrings(first, func([]byte) error {
			c.codes++
			return nil
		})
	case "keys":
		err = s.byteStrings(first, func(b []byte) error {
			if len(b) == common.AddressLength && c.nodes.kept != nil {
				c.keys = append(c.keys, append([]byte(nil), b...))
			}
			return nil
		})
	case "headers":
		c.headers, err = s.raw(first, true, maxHeaders)
	default:
		_, err = s.raw(first, false, 0)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.given[name] = first != 'n'
	return nil
}

// Summary counts what the witness holds.
type Summary struct {
	Nodes, Codes, Headers int
	Odd                   int // entries of state that are no trie nodes
}

// Against says whether the witness can be that of the block; senders are the
// addresses that signed its transactions, as far as known. It must be called
// after a Finish without error. The error wraps witness.ErrOtherBlock or
// witness.ErrIncomplete.
func (c *Checker) Against(block *types.Block, senders []common.Address) (Summary, error) {
	sum := Summary{Nodes: len(c.nodes.nodes), Codes: c.codes, Odd: c.nodes.odd}
	fail := func(kind error, format string, args ...any) (Summary, error) {
		return sum, fmt.Errorf("block %d (%v): %w: %w", block.NumberU64(), block.Hash(), kind, fmt.Errorf(format, args...))
	}
	// The headers alone make a witness that package witness understands.
	w, err := witness.Decode(append(append([]byte(`{"state":[],"codes":[],"headers":`), c.headers...), '}'))
	if err != nil {
		return sum, err
	}
	sum.Headers = len(w.Headers)
	parent, err := w.Parent(block)
	if err != nil {
		return sum, err
	}
	if parent.Root == types.EmptyRootHash {
		return sum, nil
	}
	if !c.nodes.has(parent.Root[:]) {
		return fail(witness.ErrIncomplete, "the parent's state root %v is none of its %d state nodes", parent.Root, sum.Nodes)
	}
	if n := c.nodes.unreferenced(parent.Root[:]); n > 0 {
		return fail(witness.ErrIncomplete, "%d of its %d state nodes are referred to by none: a node above them is missing", n, sum.Nodes)
	}
	if c.nodes.kept == nil {
		return sum, nil
	}
	walk := func(what string, address []byte) error {
		if missing := c.nodes.walk(parent.Root[:], address); missing != nil {
			_, err := fail(witness.ErrIncomplete, "the path to %s %v ends at the node %v, which is missing", what, common.BytesToAddress(address), common.BytesToHash(missing))
			return err
		}
		return nil
	}
	for _, address := range senders {
		if err := walk("the sender", address[:]); err != nil {
			return sum, err
		}
	}
	for _, tx := range block.Transactions() {
		if to := tx.To(); to != nil {
			if err := walk("the recipient", to[:]); err != nil {
				return sum, err
			}
		}
	}
	for _, wd := range block.Withdrawals() {
		if wd.Amount > 0 {
			if err := walk("the withdrawal to", wd.Address[:]); err != nil {
				return sum, err
			}
		}
	}
	for _, address := range c.keys {
		if err := walk("the key", address); err != nil {
			return sum, err
		}
	}
	return sum, nil
}
