package publish

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/verify"
)

// InProcess verifies the proofs of a stage in the stage's own process.
type InProcess struct {
	Release proof.Release // zero where unknown
	// Setup is the operator's key of the proving setup. With nil the key in the proof
	// is used. For a published setup that is sufficient; for any other it shows only
	// that the proof is consistent.
	Setup   *proof.Key
	Tables  []*verify.Table // from the operator's proving key, for a release without embedded tables
	Program *proof.Key      // nil for any program
	Log     *slog.Logger
}

// Verify verifies the reported bytes as leniently as the published verifiers do. It
// returns a retryable error for a proof that does not verify. It returns an environment
// error for a proof of another setup or program, because the next proof would be of the
// same.
func (v InProcess) Verify(reported []byte) error {
	setup := v.Setup
	if setup == nil {
		p, err := proof.Decode(reported, "")
		if err != nil {
			return sdk.Retryable(fmt.Errorf("the proof does not verify: %w", err))
		}
		if setup = p.Setup; setup == nil {
			return sdk.Environment(errors.New("the proof cannot be verified without the key of the proving setup"), setupRemedy)
		}
		if proof.FindSetup(*setup) == nil {
			v.Log.Warn("the proof is verified under the setup key that it names itself, which nothing pins", "setup_key", setup.String(), "remedy", setupRemedy)
		}
	}
	result, err := verify.Wire(reported, verify.Expect{Setup: *setup, Release: v.Release, Tables: v.Tables,
		Program: v.Program, Lenient: true})
	if err != nil {
		return classify(err)
	}
	v.Log.Info("the proof verifies", "table", result.Table.String(), "took", result.Time, "binds_publics", result.Table.BindsPublics())
	return nil
}

const setupRemedy = "set `verify_key` to vadcop_final.verkey.bin of the proving key in use or, for minimal proofs, to vadcop_final_compressed.verkey.bin"

// classify adds the class and the remedy to an error of package verify.
func classify(err error) error {
	var r *verify.Rejection
	if !errors.As(err, &r) {
		return sdk.Environment(fmt.Errorf("the proof cannot be verified: %w", err), "set `verifier: tool`, which has cargo-zisk verify it")
	}
	err = fmt.Errorf("the proof does not verify: %w", err)
	switch r.Step {
	case verify.StepSetup:
		return sdk.Environment(err, setupRemedy+"; or install the proving key that the prover is meant to use")
	case verify.StepProgram:
		return sdk.Environment(err, "set `elf` and `program_key` to the program that is meant to be proved")
	}
	return sdk.Retryable(err)
}

// ReleaseOf finds the release that made a proof, by the constraints that the proof
// fulfils. It returns the zero release where the form in which the proof is reported
// does not depend on the release.
func ReleaseOf(p *proof.Proof, setup *proof.Key) (proof.Release, error) {
	if _, err := p.WireLayout(proof.Release{}, setup); err == nil {
		return proof.Release{}, nil
	}
	if setup == nil {
		if setup = p.Setup; setup == nil {
			return proof.Release{}, errors.New("neither the release of the proof nor its setup key is known")
		}
	}
	result, err := verify.Proof(p, verify.Expect{Setup: *setup, Lenient: true})
	if err != nil {
		return proof.Release{}, fmt.Errorf("the proof does not verify by the constraints of any release: %w", err)
	}
	return result.Table.Release(), nil
}
