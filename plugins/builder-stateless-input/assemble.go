package main

import (
	"context"

	"github.com/ethereum/go-ethereum/core/types"
	"golang.org/x/sync/errgroup"

	"github.com/proofline/proofline/plugins/builder-stateless-input/input"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk/witness"
)

// builtInput is an input and how it was built.
type builtInput struct {
	input      *input.Input
	encoded    []byte // without a frame
	executedBy string // "gate" or "builder"
}

// assemble builds the input of a block. Where outcome is nil it executes the block. It fails
// for a block that the guest would refuse. It checks the fork and the blob parameters before
// the execution, and the deposits after it.
func assemble(ctx context.Context, t guest.Target, spec *chainspec.Spec, block *types.Block, w *witness.Witness, outcome *stateless.Outcome) (*builtInput, error) {
	rules, err := spec.Rules()
	if err != nil {
		return nil, err
	}
	fork, err := input.Fork(rules, block.Header())
	if err != nil {
		return nil, err
	}
	if err := input.CheckAccepted(t.Guest, t.Forks, fork, rules, block.Header()); err != nil {
		return nil, err
	}
	m := &builtInput{executedBy: "gate"}
	group, groupCtx := errgroup.WithContext(ctx)
	var normal input.Witness
	group.Go(func() (err error) {
		normal, err = input.Normalize(block, w)
		return err
	})
	if outcome == nil {
		m.executedBy = "builder"
		group.Go(func() error {
			report, err := stateless.Execute(groupCtx, rules, block, w)
			if err == nil {
				outcome = report.Outcome(spec.ChainID, [32]byte{})
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if !outcome.DepositsAsMainnet {
		return nil, input.DepositError(t.Guest, rules, block.NumberU64())
	}
	if m.input, err = input.Build(t.Format, fork, spec.ChainID, block, normal, outcome); err != nil {
		return nil, err
	}
	m.encoded, err = m.input.Encode()
	return m, err
}
