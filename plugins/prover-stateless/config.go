package main

import (
	"context"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	Network string `json:"network" doc:"Whose rules hold. auto takes them from the source's chain.json or else by the block's chain id." default:"auto" enum:"auto,mainnet,sepolia,holesky,hoodi,custom"`
	Genesis string `json:"genesis" doc:"Genesis file, or its config part alone, of a custom chain." format:"file"`
}

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding {
	return c.choice().Validate()
}

// MakesProof reports that the stage is a gate.
func (Config) MakesProof() bool { return false }

// Provides implements the SDK's provider.
func (c Config) Provides() map[string]string { return c.choice().Provides() }

// Requires implements the SDK's requirer.
func (c Config) Requires() map[string][]string { return c.choice().Requires() }

// Check implements the SDK's checker.
func (c Config) Check(context.Context) []sdk.Finding {
	return c.choice().Check(chainspec.NeedsRules)
}

func (c Config) choice() chainspec.Choice {
	return chainspec.Choice{Network: c.Network, Genesis: c.Genesis}
}
