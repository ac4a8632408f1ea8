package main

import (
	"context"

	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	Format  string `json:"format" doc:"Layout of the input; may be left out where guest is set." enum:"g4,g7,g8,g9,zec7,zec"`
	Guest   string `json:"guest" doc:"Guest program that reads the input, for example ethrex-v9.0.0; decides format and framing. builder-ethrex guests lists them."`
	ZisK    string `json:"zisk" doc:"ZisK version that proves, for example 0.14.0; decides the framing of the file."`
	Framing string `json:"framing" doc:"What surrounds the input in the file: raw for ZisK up to 0.15, framed for later ones." enum:"raw,framed"`
	Network string `json:"network" doc:"Chain of the blocks; auto takes the chain configuration that the source hands out, or else the network with the block's chain id." default:"auto" enum:"auto,mainnet,sepolia,holesky,hoodi,custom"`
	Genesis string `json:"genesis" doc:"Genesis file with the configuration of a custom chain." format:"file"`
	Strict  bool   `json:"strict" doc:"Refuse what ethrex's own converter refuses: block and witness whose JSON its types do not read (difficulty null, a number 0x without digits, size or yParity missing, headers as objects, keys null or, in g4, g7 and zec7, missing), stray entries among the state nodes, and whatever else nothing in the witness refers to." default:"false"`
}

func (c Config) choice() inputbuilder.Choice {
	return inputbuilder.Choice{
		Guest: guest.Choice{Format: c.Format, Guest: c.Guest, ZisK: c.ZisK, Framing: c.Framing},
		Chain: chainspec.Choice{Network: c.Network, Genesis: c.Genesis},
	}
}

// target returns the input that guest, format, ZisK version and framing determine.
func (c Config) target() (guest.Target, string, error) { return c.choice().Guest.Target() }

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding { return c.choice().Validate(name) }

// Provides implements the SDK's provider.
func (c Config) Provides() map[string]string { return c.choice().Provides() }

// Requires implements the SDK's requirer.
func (c Config) Requires() map[string][]string { return c.choice().Chain.Requires() }

// Check implements the SDK's checker.
func (c Config) Check(context.Context) []sdk.Finding {
	requirements := []func(*chainspec.Spec) error{chainspec.NeedsEthrex}
	if t, _, err := c.target(); err == nil && input.NeedsKeys(t.Format) && !c.Strict {
		// A block whose witness lacks keys is executed to find them.
		requirements = append(requirements, chainspec.NeedsRules)
	}
	return c.choice().Check(requirements...)
}
