package ethnode

import (
	"encoding/json"
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
)

// cursorVersion is the version of the cursor's format.
const cursorVersion = 1

// windowSize is how many blocks a cursor holds: two epochs, after which a healthy
// chain is final.
const windowSize = 64

// cursor is a position on a chain. Every number below Next has been examined. Window
// holds the last examined blocks in ascending order. It has gaps after a long
// catch-up, in which only targets are read.
type cursor struct {
	Version int         `json:"v"`
	ChainID uint64      `json:"chain"`
	Next    uint64      `json:"next"`
	Window  []seenBlock `json:"window"`
}

// seenBlock is a block of the window.
type seenBlock struct {
	Number uint64        `json:"n"`
	Hash   contract.Hash `json:"h"`
	Target bool          `json:"t,omitempty"` // handed out as a target
}

func (c *cursor) encode() []byte {
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and hashes always encode
	}
	return raw
}

// decodeCursor decodes a cursor. It returns nil for an empty one, which stands for a
// chain that has not been followed yet.
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

// tip returns the newest block of the window, nil where the window is empty.
func (c *cursor) tip() *seenBlock {
	if len(c.Window) == 0 {
		return nil
	}
	return &c.Window[len(c.Window)-1]
}

// add appends a block to the window and drops the oldest ones beyond windowSize.
func (c *cursor) add(s seenBlock) {
	c.Window = append(c.Window, s)
	if extra := len(c.Window) - windowSize; extra > 0 {
		c.Window = append(c.Window[:0:0], c.Window[extra:]...)
	}
	c.Next = s.Number + 1
}

// rollBack keeps the first n blocks of the window and returns the hashes of the
// dropped targets. The dropped numbers will be examined again.
func (c *cursor) rollBack(n int) []contract.Hash {
	var orphaned []contract.Hash
	for _, s := range c.Window[n:] {
		if s.Target {
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
