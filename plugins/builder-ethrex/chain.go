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

// chain is the configuration of the blocks' chain.
type chain struct {
	config *chainspec.Config // in ethrex's form, for the guest input
	spec   *chainspec.Spec   // its rules serve to execute a block
}

// chainOf returns the chain of a spec. It takes the results of a function that returns a
// spec, and passes its error on.
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

// readChain reads the chain from a genesis file, or from a file with its "config" object.
func readChain(path string) (*chain, error) { return chainOf(chainspec.Read(path)) }

// touched executes a block on its witness and returns the accounts that it read.
func (c *chain) touched(ctx context.Context, block *types.Block, w *witness.Witness) ([]common.Address, error) {
	rules, err := c.spec.Rules()
	if err != nil {
		return nil, fmt.Errorf("the block cannot be executed: %w", err)
	}
	return stateless.Touched(ctx, rules, block, w)
}
