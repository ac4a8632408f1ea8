package sdktest

import (
	"context"
	"errors"
	"fmt"

	"github.com/proofline/proofline/sdk/contract"
)

func resumeToken(ctx context.Context, r *run) error {
	return r.resuming(ctx, func(i *instance) error {
		_, call, task, err := r.prepare(ctx, i)
		if err != nil {
			return err
		}
		var token []byte
		if _, err := call(ctx, func(e contract.WorkEvent) {
			if len(e.Resume) > 0 {
				token = e.Resume
			}
		}); err != nil {
			return err
		}
		if token == nil {
			return errors.New("it announces resume tokens and sent none")
		}
		return r.resume(ctx, i, task.Block, token)
	})
}

func resumeUnknown(ctx context.Context, r *run) error {
	return r.resuming(ctx, func(i *instance) error {
		return r.resume(ctx, i, r.block(), []byte("sdktest-of-another-life"))
	})
}

// resumeDropped verifies a changed proof of work that has saved a token. Work that resumes
// by the token would give the same proof again, so the verification must drop the token.
func resumeDropped(ctx context.Context, r *run) error {
	if !r.manifest.Has(contract.CapabilityResumeToken) {
		return skip{"the prover does not announce resume tokens"}
	}
	return r.verifying(ctx, func(i *instance, task contract.Task, proof int) error {
		if err := corrupt(task, proof); err != nil {
			return err
		}
		dropped := false
		err := i.Verify(ctx, task, func(e contract.WorkEvent) { dropped = dropped || e.Resume != nil && len(e.Resume) == 0 })
		if err == nil {
			return skip{"a changed proof is accepted"}
		}
		if !dropped {
			return errors.New("no event of the verification has an empty token: the next attempt would take up the same work")
		}
		return nil
	})
}

func (r *run) resuming(ctx context.Context, f func(*instance) error) error {
	if !r.manifest.Has(contract.CapabilityResumeToken) {
		return skip{"the prover does not announce resume tokens"}
	}
	i, err := r.ready(ctx, r.suite.Config)
	if err != nil {
		return err
	}
	defer i.stop()
	return f(i)
}

// resume makes a second attempt with a token and checks its outputs.
func (r *run) resume(ctx context.Context, i *instance, block contract.Block, token []byte) error {
	task, err := r.task(block)
	if err != nil {
		return err
	}
	task.Attempt, task.ResumeToken = 2, token
	result, err := i.Work(ctx, r.manifest.Kind, task, nil)
	if err != nil {
		return fmt.Errorf("with a token: %w", err)
	}
	return checkOutputs(task.Dir, result.Outputs)
}
