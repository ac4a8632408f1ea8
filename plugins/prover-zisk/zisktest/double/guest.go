package double

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/guest"
)

// Guest is a kind of guest program.
type Guest string

// The kinds of guests. Those of the SSZ StatelessInput read their input as the
// builder's strict decoder does and commit as
// ethereum/execution-specs:src/ethereum/forks/amsterdam/stateless_guest.py@c1200883
// says, without executing the block: both are held against upstream's vectors in the
// builder's tests.
const (
	Stateless Guest = "stateless" // finds every block valid
	Refuses   Guest = "refuses"   // finds every block invalid: success 0, and ends like any other
)

// publics are what the guest commits to for an input file.
func (s *Scenario) publics(file []byte) []byte {
	if values, err := hex.DecodeString(s.Publics); err == nil && len(values) > 0 {
		return values
	}
	if s.Guest == "" {
		digest := sha256.Sum256(file)
		return digest[:]
	}
	result := guest.ValidationResult{}
	if in, err := decode(file); err == nil {
		result = in.Output()
		result.Success = s.Guest == Stateless
	}
	values := result.Encode() // zeros where the input cannot be decoded
	return values[:]
}

// decode reads a framed input.
func decode(file []byte) (*input.Input, error) {
	data, err := guest.Unframe(file)
	if err != nil {
		return nil, err
	}
	dialect, err := input.Detect(data)
	if err != nil {
		return nil, err
	}
	return input.Decode(data, dialect)
}
