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

// Verify verifies a proof in this process, on the bytes that are reported, and,
// where verify_bin is set, by that tool. Its public values are compared with the
// block, whatever verifies. The job of a proof that does not hold is
// not taken up again.
func (p *Prover) Verify(ctx context.Context, t *sdk.Task) error {
	err := p.verify(ctx, t)
	if err != nil && sdk.ClassOf(err) != sdk.ClassRetryable {
		return err // no verdict on the proof
	}
	if noted := p.refused.settle(t, err == nil); noted != nil {
		t.Log.Warn("the refused job cannot be remembered", "error", noted)
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
	p.pin(decoded.Program())
	return nil
}

// pin takes the program's key from a verified proof where nothing else has told
// it: from then on a proof of another program is refused.
func (p *Prover) pin(key proof.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.program != nil {
		return
	}
	p.program = &key
	p.log.Info("the program's key is taken from the first verified proof", "program_key", key.String())
	if err := p.remember(); err != nil {
		p.log.Warn("remember the program's key", "error", err)
	}
}
