package contract

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Digest is a SHA-256 hash. Its text form is 64 lower-case hexadecimal digits,
// without 0x, as sha256sum(1) prints it.
type Digest [32]byte

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalJSON reads the text form. It also reads a list of 32 numbers, which is what
// older checkpoints hold.
func (d *Digest) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[32]byte)(d))
	}
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	if sum, err := hex.DecodeString(digits); err != nil || len(sum) != len(d) {
		return fmt.Errorf("%q is no SHA-256: want 64 hexadecimal digits", digits)
	}
	_, err := hex.Decode(d[:], []byte(digits))
	return err
}
