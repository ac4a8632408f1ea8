package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/zisk/proof"
)

// Verify verifies a proof in this process, on the bytes that are reported, and also by the
// tool verify_bin if that is configured. It compares the public values with the block in
// either case. The job of a proof that is not valid is not resumed again.
func (p *Prover) Verify(ctx context.Context, t *sdk.Task) error {
	err := p.verify(ctx, t)
	if err != nil && sdk.ClassOf(err) != sdk.ClassRetryable {
		return err // the proof could not be verified
	}
	if saveErr := p.refused.settle(t, err == nil); saveErr != nil {
		t.Log.Warn("the refused job cannot be remembered", "error", saveErr)
	}
	if err != nil {
		err = errors.Join(err, t.SaveResume(nil)) // the same job would give the same proof
	}
	return err
}

func (p *Prover) verify(ctx context.Context, t *sdk.Task) error {
	path, err := t.Input(zisk.FileProof)
	if err != nil {
		return err
	}
	decoded, err := proof.Read(path, "")
	if err != nil {
		return sdk.Retryable(fmt.Errorf("the proof does not verify: %w", err))
	}
	if err := p.checkKeys(decoded); err != nil {
		return sdk.Retryable(err)
	}
	release, err := p.releaseOf(decoded)
	var reported []byte
	if err == nil {
		reported, err = publish.Reported(t)
	}
	if err == nil {
		err = publish.CheckProof(reported, decoded, release, p.setupKey)
	}
	if err != nil {
		return sdk.Retryable(fmt.Errorf("the proof does not verify: %w", err))
	}
	if p.config.Verifier != "tool" {
		p.mu.Lock()
		program := p.program
		p.mu.Unlock()
		v := publish.InProcess{Release: release, Setup: p.setupKey, Program: program, Log: t.Log}
		if err := v.Verify(reported); err != nil {
			return err
		}
	}
	if p.verifyBin != "" {
		if err := tool.Verify(ctx, p.verifyBin, p.verifyVersion, path, "", t.Temp(), t.Log); err != nil {
			return err
		}
	}
	if err := guest.CheckProof(t)(decoded.Outputs()); err != nil {
		return err
	}
	p.pinProgram(decoded.Program())
	return nil
}

// pinProgram stores the program key of a verified proof if the key is not known yet. From
// then on a proof of another program is refused.
func (p *Prover) pinProgram(key proof.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.program != nil {
		return
	}
	p.program = &key
	p.log.Info("the program's key is taken from the first verified proof", "program_key", key.String())
	if err := p.saveProgram(); err != nil {
		p.log.Warn("remember the program's key", "error", err)
	}
}
