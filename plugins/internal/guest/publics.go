package guest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// Commitment is the kind of data that a guest program writes to its public values.
type Commitment string

// The commitments. A guest of ZisK has 64 public values of 32 bits, which are treated
// here as the bytes of 64 little-endian words. Values that the guest does not write are
// zero.
const (
	// HashText is the length 66 and then the block hash as 0x and 64 digits. bincode 1
	// (ZisK 0.16 and 0.17) writes the length as a u64, bincode 2 (0.18 and later) as
	// one byte.
	// Source: 0xPolygonHermez/zisk-eth-client:bin/guests/stateless-validator-ethrex/src/main.rs@1fbed93
	// (`ziskos::io::commit(&block_hash)`), 0xPolygonHermez/zisk:ziskos/entrypoint/src/io.rs@v0.16.1, @v0.18.0.
	HashText Commitment = "hash text"
	// OutputDigest is the SHA-256 of the program output.
	// Source: lambdaclass/ethrex:crates/l2/prover/src/guest_program/src/zisk/src/main.rs@891528d.
	OutputDigest Commitment = "output digest"
	// Output is the length of the program output and then the output itself.
	// Source: lambdaclass/ethrex:crates/guest-program/bin/zisk/src/main.rs@52e4b646.
	Output Commitment = "output"
	// Validation is a ValidationResult: root of the request, success, chain and schema,
	// 43 bytes.
	// Source: lambdaclass/ethrex:crates/common/types/stateless_ssz.rs.
	Validation Commitment = "validation"
)

// commitments holds the commitments of the programs of rkyv formats whose source is
// known, by the prefix of their names. Every guest of an SSZ StatelessInput has the
// commitment Validation.
var commitments = []struct {
	prefix     string
	commitment Commitment
}{
	{"ethrex-v7.", OutputDigest}, {"ethrex-891528d", OutputDigest}, {"ethrex-24d4b6404", OutputDigest},
	{"ethrex-v8.", OutputDigest}, {"ethrex-v9.", OutputDigest},
	{"ethrex-52e4b646", Output},
	{"zisk-eth-client-", HashText},
}

// CommitmentOf returns the commitment of the program with this name, empty where it is
// not known.
func CommitmentOf(program string) Commitment {
	if p, known := find(program); known && p.Format.SSZ() {
		return Validation
	}
	for _, c := range commitments {
		if strings.HasPrefix(program, c.prefix) {
			return c.commitment
		}
	}
	return ""
}

// Commitment returns the commitment of all known guests that read the format, empty
// where they differ or are not known.
func (f Format) Commitment() Commitment {
	var found []Commitment
	for _, p := range programs {
		if p.Format == f {
			found = append(found, CommitmentOf(p.Name))
		}
	}
	if found = slices.Compact(found); len(found) == 1 {
		return found[0]
	}
	return ""
}

// outputSize is the size of an encoded program output in bytes. It consists of five
// fields of 32 bytes: the state root before and after the block, the block hash, the
// chain id and the number of transactions.
// Source: lambdaclass/ethrex:crates/l2/prover/src/guest_program/src/output.rs@891528d.
const outputSize = 160

// ProgramOutput encodes the output of ethrex's guests of rkyv formats for a block.
func ProgramOutput(parentStateRoot, stateRoot, hash [32]byte, chainID, transactions uint64) []byte {
	b := make([]byte, outputSize)
	copy(b, parentStateRoot[:])
	copy(b[32:], stateRoot[:])
	copy(b[64:], hash[:])
	binary.BigEndian.PutUint64(b[120:], chainID)
	binary.BigEndian.PutUint64(b[152:], transactions)
	return b
}

// Block is what is known of the block that a guest has executed.
type Block struct {
	Hash   contract.Hash
	Output []byte     // the block's ProgramOutput; nil where not known
	Exact  []byte     // the public values that the builder expects; nil where not known
	Guest  Commitment // the commitment of the guest; empty where not known
}

// Verdict is the outcome of a comparison of public values.
type Verdict int

// The verdicts.
const (
	NotCompared Verdict = iota // there is nothing to compare with
	Matches                    // the guest commits to this block
	Differs                    // the guest commits to something else
)

// Compare compares the public values of a guest with the block. The text describes the
// public values for people.
func (b Block) Compare(publics []byte) (Verdict, string) {
	written := bytes.TrimRight(publics, "\x00")
	if len(written) == 0 {
		return b.compareEmpty()
	}
	if b.Exact != nil {
		if bytes.Equal(written, bytes.TrimRight(b.Exact, "\x00")) {
			return Matches, "the public values that the builder expects"
		}
		if expected, err := DecodeValidationResult(b.Exact); err == nil {
			if err := expected.Check(publics); err != nil {
				return Differs, err.Error()
			}
		}
		return Differs, fmt.Sprintf("the public values are %s, the builder expects %s", shortHex(written), shortHex(b.Exact))
	}
	if b.Guest == Validation {
		return compareValidation(publics)
	}
	if hash, form, ok := findHash(publics); ok {
		return b.compareHash(hash, form)
	}
	if b.Output != nil {
		if digest := sha256.Sum256(b.Output); bytes.Equal(firstBytes(publics, len(digest)), digest[:]) {
			return Matches, "the digest of the block's output"
		}
	}
	// A hash without a length looks like any other 32 bytes, so only equality counts.
	for _, words := range [][]byte{publics, swapWords(publics)} {
		if bytes.HasPrefix(words, b.Hash[:]) && len(bytes.Trim(words[32:], "\x00")) == 0 {
			return Matches, "the block hash"
		}
	}
	switch {
	case b.Guest == HashText || b.Guest == Output:
		return Differs, fmt.Sprintf("the public values %s hold no block hash", shortHex(written))
	case b.Guest == OutputDigest && b.Output != nil:
		return Differs, fmt.Sprintf("the public values %s are not the digest of the block's output", shortHex(written))
	}
	return NotCompared, fmt.Sprintf("the public values %s are of a form that is not known", shortHex(written))
}

// compareEmpty is Compare for public values that are all zero.
func (b Block) compareEmpty() (Verdict, string) {
	if b.Guest != "" || b.Exact != nil {
		return Differs, "the guest wrote no public values"
	}
	return NotCompared, "the guest wrote no public values"
}

// compareValidation is Compare for a ValidationResult where the root of the request is
// not known. It checks only whether the guest accepted the block.
func compareValidation(publics []byte) (Verdict, string) {
	switch result, err := DecodeValidationResult(publics); {
	case err != nil:
		return Differs, err.Error()
	case !result.Success:
		return Differs, errRefused.Error()
	default:
		return NotCompared, fmt.Sprintf("the guest accepted a block of chain %d with the request root %x, and it is not known which block has that root", result.ChainID, result.RequestRoot)
	}
}

// compareHash is Compare for a block hash in the public values. form describes how the
// hash is encoded.
func (b Block) compareHash(hash contract.Hash, form string) (Verdict, string) {
	if hash == b.Hash {
		return Matches, "the block hash, " + form
	}
	return Differs, fmt.Sprintf("the guest commits to the block %v (%s), not to %v", hash, form, b.Hash)
}

// findHash finds a block hash that the length before it marks as one.
func findHash(publics []byte) (hash contract.Hash, form string, ok bool) {
	for _, length := range []int{66, 32, outputSize} {
		for _, prefix := range [][]byte{binary.LittleEndian.AppendUint64(nil, uint64(length)), {byte(length)}} {
			content, found := bytes.CutPrefix(publics, prefix)
			if !found || len(content) < length {
				continue
			}
			rest := content[length:]
			content = content[:length]
			if len(bytes.Trim(rest, "\x00")) > 0 {
				continue
			}
			switch length {
			case 66:
				if err := hash.UnmarshalText(bytes.ToLower(content)); err == nil {
					return hash, "as text", true
				}
			case 32:
				copy(hash[:], content)
				return hash, "as bytes", true
			case outputSize:
				if len(bytes.Trim(content[96:120], "\x00")) == 0 && len(bytes.Trim(content[128:152], "\x00")) == 0 {
					copy(hash[:], content[64:96])
					return hash, "in the program's output", true
				}
			}
		}
	}
	return hash, "", false
}

// firstBytes returns the first n bytes where all bytes after them are zero, otherwise
// nil.
func firstBytes(publics []byte, n int) []byte {
	if len(publics) < n || len(bytes.Trim(publics[n:], "\x00")) > 0 {
		return nil
	}
	return publics[:n]
}

// swapWords reverses the bytes of each 32-bit word. Programs that print their public
// values as words differ in the byte order.
func swapWords(publics []byte) []byte {
	b := bytes.Clone(publics)
	for i := 0; i+4 <= len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	return b
}

// shortHex returns at most 48 bytes in hexadecimal, for a message.
func shortHex(b []byte) string {
	if len(b) > 48 {
		return hex.EncodeToString(b[:48]) + "…"
	}
	return hex.EncodeToString(b)
}
