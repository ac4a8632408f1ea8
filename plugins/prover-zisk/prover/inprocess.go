package prover

import (
	"fmt"
	"log/slog"

	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/verify"
)

// release returns the release of the installed ZisK. It is zero for a release whose forms
// of proof are not known.
func (p *Prover) release() proof.Release {
	r := proof.Release{Major: p.version.Major, Minor: p.version.Minor}
	if _, err := r.Wire(); err != nil {
		return proof.Release{}
	}
	return r
}

// verifiers returns whether this process, the tool, or both verify the proofs. By default
// this process does so for the releases whose constraints it knows, except for 0.15, of
// which it was never tried with a real proof.
func (p *Prover) verifiers() (builtin, byTool bool) {
	switch p.config.Verifier {
	case "builtin":
		return true, false
	case "tool":
		return false, true
	case "both":
		return true, true
	}
	r := p.release()
	builtin = verify.Supported(r) && r != proof.Release{Minor: 15}
	return builtin, !builtin
}

// verifyInProcess verifies the bytes that are reported. For a release without embedded
// tables it reads the table from the proving key.
func (p *Prover) verifyInProcess(log *slog.Logger, reported []byte, minimal bool, program, setup *proof.Key) error {
	v := publish.InProcess{Release: p.release(), Setup: setup, Program: program, Log: log}
	if setup == nil { // the files of 0.15 hold no setup key
		if key, err := p.config.setupKey(minimal); err == nil {
			v.Setup = &key
		}
	}
	if !verify.Supported(v.Release) {
		key, err := verify.ReadProvingKey(p.config.provingKeyDir(), minimal)
		if err != nil {
			return sdk.Environment(fmt.Errorf("there are no constraints of ZisK %v to verify its proofs by: %w", p.version, err),
				"set `verifier: tool`, which has cargo-zisk verify them")
		}
		v.Tables = []*verify.Table{key.Table}
		if v.Setup == nil {
			v.Setup = &key.Key
		}
	}
	return v.Verify(reported)
}
