package cluster

import (
	"context"
	"errors"

	"github.com/proofline/proofline/plugins/internal/zisk"
	"github.com/proofline/proofline/plugins/internal/zisk/proof"
	"github.com/proofline/proofline/plugins/internal/zisk/publish"
	"github.com/proofline/proofline/plugins/internal/zisk/tool"
	"github.com/proofline/proofline/sdk"
)

// Verify compares the keys in a proof with the known ones and, where verify_bin
// is set, has that tool verify it.
func (p *Prover) Verify(ctx context.Context, t *sdk.Task) error {
	path, err := t.Input(zisk.FileProof)
	if err != nil {
		return err
	}
	decoded, err := proof.Read(path, "")
	if err == nil {
		err = p.checkKeys(decoded)
	}
	if err == nil {
		err = publish.CheckProof(t, decoded, p.setupKey)
	}
	if err != nil {
		return errors.Join(sdk.Retryable(err), t.SaveResume(nil))
	}
	if p.verifyBin == "" {
		return nil
	}
	if err := tool.Verify(ctx, p.verifyBin, p.verifyVersion, path, "", t.Temp(), t.Log); err != nil {
		if sdk.ClassOf(err) == sdk.ClassRetryable {
			return errors.Join(err, t.SaveResume(nil)) // the same job would give the same proof
		}
		return err
	}
	return nil
}
