package guest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// values returns the 256 bytes of ZisK's 64 public values.
func values(b ...[]byte) []byte { return append(bytes.Join(b, nil), make([]byte, 256)...)[:256] }

func TestCompare(t *testing.T) {
	hash := contract.Hash(bytes.Repeat([]byte{0xab}, 32))
	other := contract.Hash(bytes.Repeat([]byte{0xcd}, 32))
	text := func(h contract.Hash) []byte { return []byte(h.String()) }
	u64 := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	output := ProgramOutput([32]byte{1}, [32]byte{2}, hash, 1, 66)
	wrong := ProgramOutput([32]byte{1}, [32]byte{2}, other, 1, 66)
	validation := func(success byte) []byte {
		return append(append(bytes.Repeat([]byte{7}, 32), success, 1, 0, 0, 0, 0, 0, 0, 0), 1, 0x15)
	}
	digest := func(b []byte) []byte { d := sha256.Sum256(b); return d[:] }

	for name, tc := range map[string]struct {
		block   Block
		publics []byte
		want    Verdict
		says    string
	}{
		"bincode 1 text":                                 {Block{Hash: hash}, values(u64(66), text(hash)), Matches, "as text"},
		"bincode 2 text":                                 {Block{Hash: hash}, values([]byte{66}, text(hash)), Matches, "as text"},
		"bincode 2 text, cut":                            {Block{Hash: hash}, append([]byte{66}, text(hash)...), Matches, "as text"},
		"text of another block":                          {Block{Hash: hash}, values([]byte{66}, text(other)), Differs, other.String()},
		"text of 65 digits":                              {Block{Hash: hash, Guest: HashText}, values([]byte{66}, text(hash)[:65]), Differs, "no block hash"},
		"bytes behind their length":                      {Block{Hash: hash}, values(u64(32), hash[:]), Matches, "as bytes"},
		"other bytes behind a length":                    {Block{Hash: hash}, values([]byte{32}, other[:]), Differs, other.String()},
		"bare bytes":                                     {Block{Hash: hash}, values(hash[:]), Matches, "block hash"},
		"bare words in the other order":                  {Block{Hash: contract.Hash{1, 2, 3, 4}}, values([]byte{4, 3, 2, 1}), Matches, "block hash"},
		"bare bytes and more":                            {Block{Hash: hash}, values(hash[:], []byte{1}), NotCompared, "not known"},
		"digest":                                         {Block{Hash: hash, Output: output}, values(digest(output)), Matches, "digest"},
		"digest, output not known":                       {Block{Hash: hash, Guest: OutputDigest}, values(digest(output)), NotCompared, "not known"},
		"digest of another block":                        {Block{Hash: hash, Output: output, Guest: OutputDigest}, values(digest(wrong)), Differs, "not the digest"},
		"output":                                         {Block{Hash: hash}, values(u64(160), output), Matches, "output"},
		"output, one byte of length":                     {Block{Hash: hash}, values([]byte{160}, output), Matches, "output"},
		"output of another block":                        {Block{Hash: hash}, values([]byte{160}, wrong), Differs, other.String()},
		"what the builder expects":                       {Block{Hash: hash, Exact: append([]byte{1, 2, 3}, make([]byte, 40)...)}, values([]byte{1, 2, 3}), Matches, "builder"},
		"not what the builder expects":                   {Block{Hash: hash, Exact: []byte{1, 2, 3}}, values([]byte{1, 2, 4}), Differs, "010203"},
		"the builder wins over the form":                 {Block{Hash: hash, Exact: []byte{1, 2, 3}}, values([]byte{66}, text(hash)), Differs, "builder"},
		"nothing, guest not known":                       {Block{Hash: hash}, values(), NotCompared, "no public values"},
		"nothing":                                        {Block{Hash: hash, Guest: HashText}, values(), Differs, "no public values"},
		"a block that the guest refused, root not known": {Block{Hash: hash, Guest: Validation}, values(validation(0)), Differs, "success = 0"},
		"a block that the guest took, root not known":    {Block{Hash: hash, Guest: Validation}, values(validation(1)), NotCompared, "not known which block"},
		"no validation":                                  {Block{Hash: hash, Guest: Validation}, values(validation(1), []byte{1}), Differs, "want zeros"},
		"empty":                                          {Block{Hash: hash, Guest: Validation}, nil, Differs, "no public values"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, says := tc.block.Compare(tc.publics); got != tc.want || !strings.Contains(says, tc.says) {
				t.Errorf("%d: %s", got, says)
			}
		})
	}
}

func TestCommitments(t *testing.T) {
	for format, want := range map[Format]Commitment{G4: OutputDigest, Zec: HashText, Zec7: HashText, G8: "", G7: "", G9: "", SSZD1: Validation, SSZD3: Validation, SSZD4: Validation} {
		if got := format.Commitment(); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
	for _, p := range Programs() {
		if (CommitmentOf(p.Name) == Validation) != p.Format.SSZ() {
			t.Errorf("%s reads %s and commits to %q", p.Name, p.Format, CommitmentOf(p.Name))
		}
	}
	for _, name := range []string{"ethrex-v25.0.0", "ethrex-v31.1", "reth-0.1.0-rc.3"} {
		if CommitmentOf(name) != Validation {
			t.Errorf("%s: %q", name, CommitmentOf(name))
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add([]byte{66, '0', 'x'}, []byte(nil))
	f.Add(values([]byte{160}), []byte{1})
	f.Fuzz(func(t *testing.T, publics, exact []byte) {
		b := Block{Hash: contract.Hash{1}, Exact: exact, Output: ProgramOutput([32]byte{}, [32]byte{}, [32]byte{1}, 1, 1)}
		verdict, says := b.Compare(publics)
		if says == "" {
			t.Fatal("a verdict without words")
		}
		// The same values with more zeros behind them say the same, unless there is a
		// length among them.
		if v, _ := b.Compare(append(bytes.Clone(publics), make([]byte, 512)...)); verdict == Matches && v != Matches {
			t.Fatalf("%d with zeros behind: %d", verdict, v)
		}
	})
}
