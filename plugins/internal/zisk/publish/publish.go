// Package publish writes and verifies the artifacts that all provers of ZisK share: the
// summary of a run, and the bytes of a proof that are reported.
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

// Names of the facts that the provers of ZisK add to a result.
const (
	FactVersion = "zisk_version"
	FactProgram = "program_key"
	FactLayout  = "proof_layout"
	FactTest    = "test_proof" // "true" when a test double made the proof
)

// Report is the content of execution.json, and of result.json where the tool writes
// none. The first three fields are those of result.json of ZisK 0.14.
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
	Commits   string  `json:"commits_to,omitempty"`    // what the public values mean, as text
}

// Encoding is the form in which the bytes for a verifier are stored.
type Encoding string

// The encodings.
const (
	Words Encoding = "words" // uncompressed
	Zstd  Encoding = "zstd"  // compressed with zstd, as in the file that 0.14 writes
)

// fileOf is the name of the artifact for each encoding.
var fileOf = map[Encoding]string{Words: "proof.words.bin", Zstd: "proof.words.bin.zst"}

// Proof writes the proof as an artifact in the form in which it is reported, and marks
// the artifact as the proof. setup is used where the proof lacks the key of its proving
// setup. The release may be unknown in the cases that proof.Proof.WireLayout names.
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
	a, err := t.WriteFile(name, data)
	a.Role = sdk.RoleProof
	return a, err
}

// Reported returns the uncompressed bytes of the artifact that is marked as the proof.
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

// CheckProof checks that the reported bytes are those of the proof, so that verifying
// the one verifies the other.
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

// JSON writes value as an artifact of the task, as indented JSON.
func JSON(t *sdk.Task, name string, value any) (sdk.Artifact, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return sdk.Artifact{}, err
	}
	return t.WriteFile(name, append(data, '\n'))
}
