package main

import (
	"context"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/plugins/internal/inputbuilder"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	Guest   string `json:"guest" doc:"Guest program that reads the input, for example ethrex-v29 or reth-0.1.0-rc.4: decides the dialect and of which forks blocks are taken. builder-stateless-input guests lists them."`
	Format  string `json:"format" doc:"Dialect, in place of a guest that is not in the list (zesu, nimbus): blocks of every fork are taken then." enum:"ssz-d3,ssz-d4"`
	ZKVM    string `json:"zkvm" doc:"zkVM that proves; decides with its version about the framing of the file." default:"zisk" enum:"zisk,sp1,openvm"`
	ZisK    string `json:"zisk" doc:"ZisK version that proves, for example 1.2.0-alpha."`
	Framing string `json:"framing" doc:"What surrounds the input in the file: framed for ZisK, raw for other zkVMs." enum:"raw,framed"`
	Network string `json:"network" doc:"Chain of the blocks; auto takes the chain configuration that the source hands out, or else the network with the block's chain id." default:"auto" enum:"auto,mainnet,sepolia,holesky,hoodi,custom"`
	Genesis string `json:"genesis" doc:"Genesis file with the configuration of a custom chain, or of a public one whose fork this version does not know yet." format:"file"`
}

func (c Config) choice() inputbuilder.Choice {
	return inputbuilder.Choice{
		Guest: guest.Choice{SSZ: true, Format: c.Format, Guest: c.Guest, ZKVM: c.ZKVM, ZisK: c.ZisK, Framing: c.Framing},
		Chain: chainspec.Choice{Network: c.Network, Genesis: c.Genesis},
	}
}

func (c Config) target() (guest.Target, string, error) { return c.choice().Guest.Target() }

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding { return c.choice().Validate(name) }

// Check implements the SDK's checker.
func (c Config) Check(context.Context) []sdk.Finding { return c.choice().Check(chainspec.NeedsRules) }

// Provides implements the SDK's provider.
func (c Config) Provides() map[string]string { return c.choice().Provides() }

// Requires implements the SDK's requirer.
func (c Config) Requires() map[string][]string { return c.choice().Chain.Requires() }
