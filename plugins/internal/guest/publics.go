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

// Commitment is what a guest program writes to its public values.
type Commitment string

// The commitments. A guest of ZisK has 64 public values of 32 bits, which are
// read here as the bytes of 64 little-endian words; what the guest does not write
// is zero.
const (
	// HashText: the block hash as 0x and 64 digits, behind its length, 66, which
	// bincode 1 (ZisK 0.16 and 0.17) writes as a u64 and bincode 2 (0.18 and
	// later) as one byte.
	// Source: 0xPolygonHermez/zisk-eth-client:bin/guests/stateless-validator-ethrex/src/main.rs@1fbed93
	// (`ziskos::io::commit(&block_hash)`), 0xPolygonHermez/zisk:ziskos/entrypoint/src/io.rs@v0.16.1, @v0.18.0.
	HashText Commitment = "hash text"
	// OutputDigest: the SHA-256 of the program output.
	// Source: lambdaclass/ethrex:crates/l2/prover/src/guest_program/src/zisk/src/main.rs@891528d.
	OutputDigest Commitment = "output digest"
	// Output: the program output itself, behind its length.
	// Source: lambdaclass/ethrex:crates/guest-program/bin/zisk/src/main.rs@52e4b646.
	Output Commitment = "output"
	// Validation: root of the request, verdict, chain and schema, 43 bytes.
	// Source: lambdaclass/ethrex:crates/common/types/stateless_ssz.rs.
	Validation Commitment = "validation"
)

// commitments are those of the programs of rkyv formats whose source is known, by
// the beginning of their names. Every guest of an SSZ StatelessInput commits to the
// Validation.
var commitments = []struct {
	prefix     string
	commitment Commitment
}{
	{"ethrex-v7.", OutputDigest}, {"ethrex-891528d", OutputDigest}, {"ethrex-24d4b6404", OutputDigest},
	{"ethrex-v8.", OutputDigest}, {"ethrex-v9.", OutputDigest},
	{"ethrex-52e4b646", Output},
	{"zisk-eth-client-", HashText},
}

// CommitmentOf returns what the program with this name commits to; empty when
// that is not known.
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

// Commitment returns what all known guests commit to that read the format; empty
// when they differ or are not known.
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

// outputSize is the size of an encoded program output: the state root before and
// after the block, its hash, the chain id and the number of transactions, each of
// 32 bytes.
// Source: lambdaclass/ethrex:crates/l2/prover/src/guest_program/src/output.rs@891528d.
const outputSize = 160

// ProgramOutput encodes the output of ethrex's own guests for a block.
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
	Output []byte     // its ProgramOutput; nil when not known
	Exact  []byte     // the public values that the builder expects; nil when not known
	Guest  Commitment // what the guest commits to; empty when not known
}

// Verdict is what a comparison of public values has shown.
type Verdict int

// The verdicts.
const (
	NotCompared Verdict = iota // nothing is known to compare with
	Matches                    // the guest commits to this block
	Differs                    // it commits to something else
)

// Compare compares the public values of a guest with the block. The text says
// what they hold, for people.
func (b Block) Compare(publics []byte) (Verdict, string) {
	written := bytes.TrimRight(publics, "\x00")
	if len(written) == 0 {
		return b.unwritten()
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
		return Differs, fmt.Sprintf("the public values are %s, the builder expects %s", short(written), short(b.Exact))
	}
	if b.Guest == Validation {
		return judgeValidation(publics)
	}
	if hash, form, ok := hashIn(publics); ok {
		return b.judgeHash(hash, form)
	}
	if b.Output != nil {
		if digest := sha256.Sum256(b.Output); bytes.Equal(padded(publics, len(digest)), digest[:]) {
			return Matches, "the digest of the block's output"
		}
	}
	// A hash by itself looks like any other 32 bytes: only equality says something.
	for _, words := range [][]byte{publics, swapped(publics)} {
		if bytes.HasPrefix(words, b.Hash[:]) && len(bytes.Trim(words[32:], "\x00")) == 0 {
			return Matches, "the block hash"
		}
	}
	switch {
	case b.Guest == HashText || b.Guest == Output:
		return Differs, fmt.Sprintf("the public values %s hold no block hash", short(written))
	case b.Guest == OutputDigest && b.Output != nil:
		return Differs, fmt.Sprintf("the public values %s are not the digest of the block's output", short(written))
	}
	return NotCompared, fmt.Sprintf("the public values %s are of a form that is not known", short(written))
}

// unwritten judges public values that are all zero.
func (b Block) unwritten() (Verdict, string) {
	if b.Guest != "" || b.Exact != nil {
		return Differs, "the guest wrote no public values"
	}
	return NotCompared, "the guest wrote no public values"
}

// judgeValidation judges what a guest of an SSZ StatelessInput commits to where the
// root of the request is not known: only whether the guest took the block.
func judgeValidation(publics []byte) (Verdict, string) {
	switch result, err := DecodeValidationResult(publics); {
	case err != nil:
		return Differs, err.Error()
	case !result.Success:
		return Differs, errRefused.Error()
	default:
		return NotCompared, fmt.Sprintf("the guest took a block of chain %d with the request root %x, of which it is not known which block it is", result.ChainID, result.RequestRoot)
	}
}

func (b Block) judgeHash(hash contract.Hash, form string) (Verdict, string) {
	if hash == b.Hash {
		return Matches, "the block hash, " + form
	}
	return Differs, fmt.Sprintf("the guest commits to the block %v (%s), not to %v", hash, form, b.Hash)
}

// hashIn finds a block hash whose form shows that it is one.
func hashIn(publics []byte) (hash contract.Hash, form string, ok bool) {
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

// padded returns the first n bytes, and nil unless all behind them are zero.
func padded(publics []byte, n int) []byte {
	if len(publics) < n || len(bytes.Trim(publics[n:], "\x00")) > 0 {
		return nil
	}
	return publics[:n]
}

// swapped returns the values with the bytes of each 32-bit word in the other
// order: programs that print their public values as words differ in it.
func swapped(publics []byte) []byte {
	b := bytes.Clone(publics)
	for i := 0; i+4 <= len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	return b
}

// short is hexadecimal for a message.
func short(b []byte) string {
	if len(b) > 48 {
		return hex.EncodeToString(b[:48]) + "…"
	}
	return hex.EncodeToString(b)
}
