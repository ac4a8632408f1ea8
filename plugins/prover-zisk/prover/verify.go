package prover

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Verify verifies a proof in this process, with the tool, or with both, as the stage is
// configured. It also compares the keys in the proof with the known keys, and its public
// values with the block. The tool runs in a process of its own because a malformed proof
// can crash it. A proof that is not valid is a retryable error: it is never reported, and
// the block is proved again, by a new server if the stage has one.
func (p *Prover) Verify(ctx context.Context, t *sdk.Task) error {
	decoded, err := p.verify(ctx, t)
	if err == nil {
		p.pinProgram(decoded.Program())
	}
	if p.warm != nil && err != nil && sdk.ClassOf(err) == sdk.ClassRetryable {
		p.warm.distrust(err)
	}
	return err
}

func (p *Prover) verify(ctx context.Context, t *sdk.Task) (*proof.Proof, error) {
	path, err := t.Input(zisk.FileProof)
	if err != nil {
		return nil, err
	}
	decoded, err := proof.Read(path, "")
	if err != nil {
		return nil, sdk.Retryable(fmt.Errorf("the proof does not verify: %w", err))
	}
	program, err := p.awaitSetup(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkProgram(decoded, program); err != nil {
		return nil, err
	}
	key, err := p.pinnedKey(decoded)
	if err != nil {
		return nil, err
	}
	setup, err := p.reportedSetup(decoded)
	if err != nil {
		return nil, err
	}
	reported, err := publish.Reported(t)
	if err == nil {
		err = publish.CheckProof(reported, decoded, p.release(), setup)
	}
	if err != nil {
		return nil, sdk.Retryable(err)
	}
	builtin, byTool := p.verifiers()
	if builtin {
		judged, err := p.ahead.verdict(ctx, subjectOf(reported, decoded.Minimal, program, setup))
		if !judged {
			err = p.verifyInProcess(t.Log, reported, decoded.Minimal, program, setup)
		}
		if err != nil {
			return nil, err
		}
	}
	if byTool {
		if err := tool.Verify(ctx, p.bin, p.version, path, key, t.Temp(), t.Log); err != nil {
			return nil, err
		}
	}
	return decoded, guest.CheckProof(t)(decoded.Outputs())
}

// pinnedKey returns the argument of `verify` that selects the proving setup. For releases
// without such an argument it compares the key in the proof with the installed key and
// returns "".
func (p *Prover) pinnedKey(decoded *proof.Proof) (string, error) {
	switch family, _ := p.version.Family(); family {
	case zisk.Family014:
		if p.config.VerifyKey != "" {
			return p.config.VerifyKey, nil
		}
		if p.config.ProvingKey != "" {
			return p.config.setupKeyFile(false), nil
		}
		return "", nil
	case zisk.Family016:
		return p.config.ProvingKey, nil
	}
	if decoded.Setup == nil {
		return "", sdk.Retryable(errors.New("the proof does not hold the key of its setup"))
	}
	key, err := p.config.setupKey(decoded.Minimal)
	if err != nil {
		if p.config.VerifyKey != "" || !errors.Is(err, os.ErrNotExist) {
			return "", sdk.Environment(err, "set `verify_key` to vadcop_final_compressed.verkey.bin of the installed proving key")
		}
		return "", nil // no key to compare with is installed
	}
	if *decoded.Setup != key {
		return "", sdk.Environment(fmt.Errorf("the proof was made with the proving setup %v, not with %v of %s",
			decoded.Setup, key, p.config.setupKeyFile(decoded.Minimal)), "install the proving key that the prover is meant to use, or correct `verify_key`")
	}
	return "", nil
}
