// Package publish writes the artifacts that the provers of ZisK have in common:
// the summary of a run, and the bytes of a proof that are reported.
package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Names of facts that the provers of ZisK add to a result.
const (
	FactVersion = "zisk_version"
	FactProgram = "program_key"
	FactLayout  = "proof_layout"
	FactTest    = "test_proof" // "true" when a test double made the proof
)

// Report is result.json where the tool writes none, and execution.json. The
// first three fields are those of result.json of ZisK 0.14.
type Report struct {
	Cycles    uint64  `json:"cycles"`
	ID        string  `json:"id,omitempty"`
	Time      float64 `json:"time"` // seconds
	Action    string  `json:"action"`
	Version   string  `json:"zisk_version,omitempty"`
	ELF       string  `json:"elf_sha256"`
	Program   string  `json:"program_key,omitempty"`
	Minimal   bool    `json:"minimal,omitempty"`
	Instances int     `json:"instances,omitempty"`
	Speed     string  `json:"assembly_speed,omitempty"`
	Publics   string  `json:"public_values,omitempty"` // hexadecimal, without the zeros at the end
	Commits   string  `json:"commits_to,omitempty"`    // what they say of the block, in words
}

// Encoding is what is done with the bytes that a verifier takes.
type Encoding string

// The encodings.
const (
	Words Encoding = "words" // as they are
	Zstd  Encoding = "zstd"  // under zstd, as 0.14 stores them beside the proof
)

// fileOf names the artifact of an encoding.
var fileOf = map[Encoding]string{Words: "proof.words.bin", Zstd: "proof.words.bin.zst"}

// Proof writes the proof as it is reported, and marks the artifact. A proof
// that lacks the key of its proving setup takes the given one; the release may be
// unknown where the proof says enough, see proof.Proof.WireLayout.
func Proof(t *sdk.Task, p *proof.Proof, encoding Encoding, r proof.Release, setup *proof.Key) (sdk.Artifact, error) {
	name, ok := fileOf[encoding]
	if !ok {
		return sdk.Artifact{}, fmt.Errorf("unknown encoding %q", encoding)
	}
	data, err := p.Wire(r, setup)
	if err == nil && encoding == Zstd {
		data, err = proof.Compress(data)
	}
	if err != nil {
		return sdk.Artifact{}, sdk.Environment(err, "set `verify_key` to the key of the proving setup in use, vadcop_final.verkey.bin or, for minimal proofs, vadcop_final_compressed.verkey.bin")
	}
	a, err := Bytes(t, name, data)
	a.Role = sdk.RoleProof
	return a, err
}

// Reported returns the bytes of the artifact that is reported, without the zstd
// that may be around them.
func Reported(t *sdk.Task) ([]byte, error) {
	for _, a := range t.Inputs {
		if a.Role != sdk.RoleProof {
			continue
		}
		path, err := t.Input(a.Name)
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			data, err = proof.Decompress(data)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		return data, nil
	}
	return nil, errors.New("no artifact is marked as the proof")
}

// CheckProof reports whether the bytes that are reported say what the proof
// says, so that the verification of one is the verification of the other.
func CheckProof(reported []byte, p *proof.Proof, r proof.Release, setup *proof.Key) error {
	want, err := p.Wire(r, setup)
	if err != nil {
		return err
	}
	if !bytes.Equal(reported, want) {
		return fmt.Errorf("the bytes that are reported are not the proof of %s", zisk.FileProof)
	}
	return nil
}

// Bytes writes an artifact.
func Bytes(t *sdk.Task, name string, data []byte) (sdk.Artifact, error) {
	out, err := t.Create(name)
	if err != nil {
		return sdk.Artifact{}, err
	}
	defer out.Discard()
	if _, err := out.Write(data); err != nil {
		return sdk.Artifact{}, err
	}
	return out.Commit()
}

// JSON writes an artifact, indented.
func JSON(t *sdk.Task, name string, value any) (sdk.Artifact, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return sdk.Artifact{}, err
	}
	return Bytes(t, name, append(data, '\n'))
}
