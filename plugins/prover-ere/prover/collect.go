package prover

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/plugins/prover-ere/container"
	"github.com/proofline/proofline/plugins/prover-ere/server"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/verify"
)

// Names of facts about a result, beside those of package contract.
const (
	factVersion   = "ere_version"
	factZKVM      = "zkvm"
	factSDK       = "zkvm_version"
	factProgram   = "program_vk"  // hexadecimal, as the server reports it
	factVerifier  = "verifier_vk" // hexadecimal, in the form for EthProofs, where that differs
	factSize      = "proof_bytes" // of the reported proof
	factContainer = "container"   // ere, or the form that the container was rewritten to
	factWait      = "wait_ms"     // queue and transfer: elapsed time minus the zkVM's time
	factExecution = "execution_ms"
)

// Names of artifacts.
const (
	fileContainer = "proof.ere.bin"   // the container of the server's answer
	fileWords     = "proof.words.bin" // a proof of ZisK in the form for verifiers
	fileSP1       = "proof.sp1.bin"   // a proof of SP1 in the form for verifiers
)

// result is the content of result.json.
type result struct {
	ZKVM         string  `json:"zkvm"`
	SDK          string  `json:"zkvm_version"`
	Ere          string  `json:"ere_version"`
	Program      string  `json:"program_vk,omitempty"`
	PublicValues string  `json:"public_values"`
	Cycles       uint64  `json:"cycles,omitempty"`
	Time         float64 `json:"time"` // seconds, measured by the zkVM
	Container    string  `json:"container"`
}

// collect checks the answer of a server and publishes the proof. Executed is nil where
// no execution has run beside the proof.
func (p *Prover) collect(t *sdk.Task, id server.Identity, made server.Proof, wall time.Duration, executed *server.ExecuteReport) (*sdk.Result, error) {
	if len(made.Container) == 0 {
		return nil, sdk.Retryable(fmt.Errorf("the server's answer has no proof"))
	}
	if err := guest.CheckProof(t)(made.PublicValues); err != nil {
		return nil, err
	}
	name, reported, facts, err := p.rewrite(id, made)
	if err != nil {
		return nil, err
	}
	report := result{ZKVM: id.ZKVM, SDK: id.SDK, Ere: id.Ere.String(), Program: hex.EncodeToString(id.ProgramVK),
		PublicValues: hex.EncodeToString(made.PublicValues), Cycles: made.Report.Cycles, Time: made.Report.Time.Seconds(), Container: facts[factContainer]}
	if executed != nil {
		report.Cycles = executed.Cycles
		facts[factExecution] = strconv.FormatInt(executed.Time.Milliseconds(), 10)
	}
	if report.Cycles > 0 {
		facts[sdk.FactCycles] = strconv.FormatUint(report.Cycles, 10)
	}
	facts[guest.FactPublicValues] = report.PublicValues
	facts[factSize] = strconv.Itoa(len(reported))
	facts[factWait] = strconv.FormatInt(max(0, wall-made.Report.Time).Milliseconds(), 10)
	var outputs []sdk.Artifact
	write := func(name string, data []byte, role string) {
		if err == nil {
			var a sdk.Artifact
			a, err = t.WriteFile(name, data)
			a.Role = role
			outputs = append(outputs, a)
		}
	}
	write(name, reported, sdk.RoleProof)
	if name != fileContainer {
		write(fileContainer, made.Container, "")
	}
	if err != nil {
		return nil, err
	}
	summary, err := publish.JSON(t, sdk.ArtifactResult, report)
	if err != nil {
		return nil, err
	}
	return &sdk.Result{Outputs: append(outputs, summary), WorkTime: made.Report.Time, Facts: facts}, nil
}

// rewrite returns the bytes to report, the name of their artifact and their facts.
func (p *Prover) rewrite(id server.Identity, made server.Proof) (name string, reported []byte, facts map[string]string, err error) {
	facts = identityFacts(id)
	facts[sdk.FactVerifierID] = verifierID(id.ProgramVK)
	facts[factContainer] = "ere"
	if p.config.Proof != "ethproofs" {
		return fileContainer, made.Container, facts, nil
	}
	switch id.ZKVM {
	case container.ZisK:
		name = fileWords
		var decoded *proof.Proof
		if decoded, err = p.decodeZisK(id, made); err == nil {
			reported, err = p.words(id, decoded)
		}
		facts[factContainer] = "words"
	case container.SP1:
		name = fileSP1
		var version string
		if reported, version, err = container.CutSP1(made.Container, made.PublicValues); err != nil {
			err = sdk.Retryable(err)
			break
		}
		facts[factContainer] = "sp1 " + version
		if len(id.ProgramVK) > 0 {
			var key []byte
			if key, err = container.SP1Key(id.ProgramVK, !id.Ere.Before(0, 14)); err == nil {
				facts[factVerifier], facts[sdk.FactVerifierID] = hex.EncodeToString(key), hex.EncodeToString(key)
			}
		}
	default:
		err = sdk.Environment(fmt.Errorf("a proof of %s cannot be rewritten: %s", id.ZKVM, container.Refused(id.ZKVM)), "set `proof: ere`")
	}
	return name, reported, facts, err
}

// verifierID returns the identifier of a program: the digits of its key, or of the SHA-256
// of a key of more than 64 bytes.
func verifierID(key []byte) string {
	if len(key) > 64 {
		sum := sha256.Sum256(key)
		return hex.EncodeToString(sum[:])
	}
	return hex.EncodeToString(key)
}

// decodeZisK decodes a container of ZisK and compares program and public values with the
// server's answer.
func (p *Prover) decodeZisK(id server.Identity, made server.Proof) (*proof.Proof, error) {
	decoded, err := proof.Decode(made.Container, proof.Ere)
	if err != nil {
		return nil, sdk.Retryable(err)
	}
	program := decoded.Program()
	switch {
	case len(id.ProgramVK) > 0 && !bytes.Equal(program.Bytes(), id.ProgramVK):
		return nil, sdk.Retryable(fmt.Errorf("the proof is of the program %v, the server has the program %x", program, id.ProgramVK))
	case !bytes.Equal(decoded.Outputs(), made.PublicValues):
		return nil, sdk.Retryable(fmt.Errorf("the public values of the proof are not those of the server's answer"))
	}
	return decoded, nil
}

// words returns a proof of ZisK in the form for verifiers.
func (p *Prover) words(id server.Identity, decoded *proof.Proof) ([]byte, error) {
	release, err := proof.ParseRelease(id.SDK)
	if err != nil {
		return nil, sdk.Environment(err, "set `proof: ere`")
	}
	setup := p.setup
	if setup == nil {
		if setup = publishedSetup(decoded, release); setup == nil {
			return nil, sdk.Environment(fmt.Errorf("the proof verifies under no published proving setup of ZisK %v", release), "set `setup_vk` to vadcop_final_compressed.verkey.bin of the server's proving key")
		}
	}
	data, err := decoded.Wire(release, setup)
	if err != nil {
		return nil, sdk.Environment(err, "set `setup_vk` to the key of the server's proving setup, or `proof: ere`")
	}
	return data, nil
}

// publishedSetup returns the published setup under which the proof verifies, and nil where
// there is none. One release may have several setups.
func publishedSetup(decoded *proof.Proof, release proof.Release) *proof.Key {
	for _, s := range proof.Setups {
		if s.Release() != release || s.Minimal != decoded.Minimal || decoded.Family != "" && s.Family != decoded.Family {
			continue
		}
		if _, err := verify.Proof(decoded, verify.Expect{Setup: s.Key, Release: release, Lenient: true}); err == nil {
			return &s.Key
		}
	}
	return nil
}
