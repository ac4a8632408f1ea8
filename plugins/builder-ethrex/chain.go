package main

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/builder-ethrex/chainspec"
	"github.com/proofline/proofline/plugins/internal/stateless"
	"github.com/proofline/proofline/plugins/internal/stateless/chainconfig"
	"github.com/proofline/proofline/sdk/witness"
)

// chain is the configuration of the blocks' chain, in the form of the guest
// input and, where a block has to be executed, in that of go-ethereum.
type chain struct {
	config  *chainspec.Config
	genesis []byte // nil for a public network
	path    string // of the genesis file
}

// publicChain is the network with this name.
func publicChain(name string) (*chain, error) {
	config, err := chainspec.Network(name)
	return &chain{config: config}, err
}

// chainByID is the public network with this chain id.
func chainByID(id uint64) (*chain, error) {
	config, err := chainspec.ByID(id)
	return &chain{config: config}, err
}

// readChain reads a genesis file, or only its "config".
func readChain(path string) (*chain, error) {
	text, err := witness.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config, err := chainspec.ParseGenesis(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &chain{config: config, genesis: text, path: path}, nil
}

// rules returns the configuration for go-ethereum.
func (c *chain) rules() (*params.ChainConfig, error) {
	if c.genesis == nil {
		rules, _, err := chainconfig.ByID(c.config.ChainID)
		return rules, err
	}
	rules, err := chainconfig.Parse(c.genesis)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return rules, nil
}

// touched executes a block on its witness and returns the accounts it touched.
func (c *chain) touched(ctx context.Context, block *types.Block, w *witness.Witness) ([]common.Address, error) {
	rules, err := c.rules()
	if err != nil {
		return nil, err
	}
	return stateless.Touched(ctx, rules, block, w)
}
