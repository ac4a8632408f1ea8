package contract

import (
	"encoding/hex"
	"fmt"
	"time"
)

// Hash is a 32-byte Keccak-256 hash. Its text form is 0x and 64 lower-case
// hexadecimal digits.
type Hash [32]byte

// ParseHash reads the text form of a hash; the 0x is required.
func ParseHash(text string) (Hash, error) {
	var h Hash
	return h, h.UnmarshalText([]byte(text))
}

// String returns the text form.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// IsZero reports whether the hash is all zero, which no block has.
func (h Hash) IsZero() bool { return h == Hash{} }

// Short returns the first four bytes in hexadecimal, without 0x: the part that
// names files and jobs.
func (h Hash) Short() string { return hex.EncodeToString(h[:4]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 66 || text[0] != '0' || text[1] != 'x' {
		return fmt.Errorf("%q is no block hash: want 0x and 64 hexadecimal digits", text)
	}
	if _, err := hex.Decode(h[:], text[2:]); err != nil {
		return fmt.Errorf("%q is no block hash: %w", text, err)
	}
	return nil
}

// Block identifies a block by chain, number and hash: after a reorg the same
// number is another block. The remaining fields describe the block; a source that does
// not know them yet leaves them zero.
type Block struct {
	ChainID    uint64    `json:"chain_id"`
	Number     uint64    `json:"number"`
	Hash       Hash      `json:"hash"`
	ParentHash Hash      `json:"parent_hash"`
	Time       time.Time `json:"time,omitzero"` // the block's timestamp, in whole seconds
	GasUsed    uint64    `json:"gas_used"`
	TxCount    uint32    `json:"tx_count"` // number of transactions
}

// JobID names the job of this block: chain, number and the hash's first bytes.
// It is safe as a file name.
func (b Block) JobID() string {
	return fmt.Sprintf("%d-%d-%s", b.ChainID, b.Number, b.Hash.Short())
}
