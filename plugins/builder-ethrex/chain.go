package main

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/sdk/witness"
)

// chain is the configuration of the blocks' chain, in the form of the guest
// input and, where a block has to be executed, in that of go-ethereum.
type chain struct {
	config *chainspec.Config
	spec   *chainspec.Spec
}

// chainOf asks a configuration for ethrex's form.
func chainOf(spec *chainspec.Spec, err error) (*chain, error) {
	if err != nil {
		return nil, err
	}
	config, err := spec.Ethrex()
	if err != nil {
		return nil, err
	}
	return &chain{config: config, spec: spec}, nil
}

// readChain reads a genesis file, or only its "config".
func readChain(path string) (*chain, error) { return chainOf(chainspec.Read(path)) }

// touched executes a block on its witness and returns the accounts it touched.
func (c *chain) touched(ctx context.Context, block *types.Block, w *witness.Witness) ([]common.Address, error) {
	rules, err := c.spec.Rules()
	if err != nil {
		return nil, fmt.Errorf("the rules to execute the block by: %w", err)
	}
	return stateless.Touched(ctx, rules, block, w)
}
