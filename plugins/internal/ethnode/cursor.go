package ethnode

import (
	"encoding/json"
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
)

// cursorVersion is the version of the cursor's format.
const cursorVersion = 1

// windowSize is how many blocks a cursor remembers: two epochs, after which a
// healthy chain is final.
const windowSize = 64

// cursor is a position on a chain. Everything below next has been looked at.
// The window holds blocks already looked at, ascending; blocks that follow each
// other may have gaps between them after a long catch-up, when only targets are
// read.
type cursor struct {
	Version int    `json:"v"`
	ChainID uint64 `json:"chain"`
	Next    uint64 `json:"next"`
	Window  []seen `json:"window"`
}

// seen is a block of the window.
type seen struct {
	Number uint64        `json:"n"`
	Hash   contract.Hash `json:"h"`
	Handed bool          `json:"t,omitempty"` // handed out as a target
}

func (c *cursor) encode() []byte {
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and hashes always encode
	}
	return raw
}

// decodeCursor reads a cursor; an empty one is nil.
func decodeCursor(raw []byte) (*cursor, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	c := new(cursor)
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, contract.Permanent(fmt.Errorf("the stored cursor is unreadable: %w", err))
	}
	if c.Version != cursorVersion {
		return nil, contract.Permanent(fmt.Errorf("the stored cursor has version %d, this source reads version %d: run the version of the plugin that wrote it", c.Version, cursorVersion))
	}
	for i, s := range c.Window {
		if s.Number >= c.Next || i > 0 && s.Number <= c.Window[i-1].Number {
			return nil, contract.Permanent(fmt.Errorf("the stored cursor is damaged: block %d is out of order", s.Number))
		}
	}
	return c, nil
}

// tip is the newest block of the window, nil before the first.
func (c *cursor) tip() *seen {
	if len(c.Window) == 0 {
		return nil
	}
	return &c.Window[len(c.Window)-1]
}

// add appends a block and forgets the oldest ones.
func (c *cursor) add(s seen) {
	c.Window = append(c.Window, s)
	if extra := len(c.Window) - windowSize; extra > 0 {
		c.Window = append(c.Window[:0:0], c.Window[extra:]...)
	}
	c.Next = s.Number + 1
}

// rollBack keeps the first n blocks of the window and returns the hashes of
// those dropped that had been handed out. Dropped numbers are looked at again.
func (c *cursor) rollBack(n int) []contract.Hash {
	var orphaned []contract.Hash
	for _, s := range c.Window[n:] {
		if s.Handed {
			orphaned = append(orphaned, s.Hash)
		}
	}
	if n < len(c.Window) {
		c.Next = c.Window[n].Number
		if n > 0 {
			c.Next = c.Window[n-1].Number + 1
		}
	}
	c.Window = c.Window[:n]
	return orphaned
}
