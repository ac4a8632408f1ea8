package guest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// FactPublicValues is the fact in which a builder gives the public values of a guest
// that accepts the block, in hexadecimal without 0x. A zkVM whose public values have a
// fixed size (ZisK: 256 bytes) adds zeros. The fact is absent where the commitment of a
// guest is not known.
const FactPublicValues = "public_values"

// ValidationResultSize is the size of an encoded ValidationResult in bytes.
const ValidationResultSize = 43

// ValidationResult is what a guest of an SSZ StatelessInput commits to
// (ethereum/execution-specs:src/ethereum/forks/amsterdam/stateless_guest.py@c1200883).
// A guest that refuses a block ends without an error, and the proof of its run is valid.
// Only Success shows the refusal.
type ValidationResult struct {
	RequestRoot [32]byte // hash tree root of the NewPayloadRequest
	Success     bool
	ChainID     uint64
	SchemaID    uint16 // as Fork.SchemaID
}

// Encode returns the public values of a guest with this result.
func (o ValidationResult) Encode() [ValidationResultSize]byte {
	var b [ValidationResultSize]byte
	copy(b[:], o.RequestRoot[:])
	if o.Success {
		b[32] = 1
	}
	binary.LittleEndian.PutUint64(b[33:], o.ChainID)
	binary.LittleEndian.PutUint16(b[41:], o.SchemaID)
	return b
}

// Hex returns the value of FactPublicValues.
func (o ValidationResult) Hex() string {
	b := o.Encode()
	return hex.EncodeToString(b[:])
}

// errRefused means that Success is false.
var errRefused = errors.New("the guest refused the block: the proof says success = 0")

// errUndecodable means that all 43 bytes are zero.
var errUndecodable = errors.New("the guest could not decode its input: it reads another dialect, or a limit is exceeded")

// DecodeValidationResult decodes the public values of a guest. Zeros may follow the 43
// bytes. It fails where all bytes are zero, because then the guest could not decode its
// input.
func DecodeValidationResult(b []byte) (o ValidationResult, err error) {
	if len(b) < ValidationResultSize {
		return o, fmt.Errorf("%d bytes of public values, want %d", len(b), ValidationResultSize)
	}
	for i, c := range b[ValidationResultSize:] {
		if c != 0 {
			return o, fmt.Errorf("byte %d of the public values is %#02x, want zeros behind the first %d", ValidationResultSize+i, c, ValidationResultSize)
		}
	}
	if [ValidationResultSize]byte(b) == ([ValidationResultSize]byte{}) {
		return o, errUndecodable
	}
	if b[32] > 1 {
		return o, fmt.Errorf("byte 32 of the public values is %#02x, want 0 or 1 for success", b[32])
	}
	return ValidationResult{
		RequestRoot: [32]byte(b[:32]), Success: b[32] == 1,
		ChainID: binary.LittleEndian.Uint64(b[33:]), SchemaID: binary.LittleEndian.Uint16(b[41:]),
	}, nil
}

// Check compares the public values of a guest with the expected result. The error names
// the meaning of the first difference.
func (o ValidationResult) Check(committed []byte) error {
	have, err := DecodeValidationResult(committed)
	switch {
	case err != nil:
		return err
	case have.RequestRoot != o.RequestRoot:
		return fmt.Errorf("the proof is about another block: its request root is %x, want %x", have.RequestRoot, o.RequestRoot)
	case have.ChainID != o.ChainID:
		return fmt.Errorf("the proof is about chain %d, want %d", have.ChainID, o.ChainID)
	case have.SchemaID != o.SchemaID:
		return fmt.Errorf("the proof is about schema %#04x, want %#04x", have.SchemaID, o.SchemaID)
	case have.Success != o.Success:
		return errRefused
	}
	return nil
}

// BlockOutput holds the fields of a program output, see ProgramOutput.
type BlockOutput struct {
	InitialStateRoot, FinalStateRoot, BlockHash [32]byte
	ChainID, Transactions                       uint64
}

// PublicValues returns the public values of a guest of the format, and whether they are
// known. Guests of G4 commit to the SHA-256 of the encoded output
// (lambdaclass/ethrex:crates/l2/prover/src/guest_program/src/zisk/src/main.rs@891528d).
// Later guests commit to the encoded output, and those of zisk-eth-client to the block
// hash. Their serialisation differs between ZisK versions.
func (o BlockOutput) PublicValues(f Format) (values []byte, known bool) {
	if f != G4 {
		return nil, false
	}
	digest := sha256.Sum256(ProgramOutput(o.InitialStateRoot, o.FinalStateRoot, o.BlockHash, o.ChainID, o.Transactions))
	return digest[:], true
}
