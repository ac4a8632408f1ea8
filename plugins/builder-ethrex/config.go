package main

import (
	"context"

	"github.com/proofline/proofline/plugins/builder-ethrex/input"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk"
)

// Config is the stage's config block.
type Config struct {
	Format  string `json:"format" doc:"Layout of the input; may be left out where guest is set." enum:"g4,g7,g8,zec7,zec"`
	Guest   string `json:"guest" doc:"Guest program that reads the input, for example ethrex-v9.0.0; decides format and framing. builder-ethrex guests lists them."`
	ZisK    string `json:"zisk" doc:"ZisK version that proves, for example 0.14.0; decides the framing of the file."`
	Framing string `json:"framing" doc:"What surrounds the input in the file: raw for ZisK up to 0.15, framed for later ones." enum:"raw,framed"`
	Network string `json:"network" doc:"Chain of the blocks; auto takes the chain configuration that the source hands out, or else the network with the block's chain id." default:"auto" enum:"auto,mainnet,sepolia,holesky,hoodi,custom"`
	Genesis string `json:"genesis" doc:"Genesis file with the configuration of a custom chain." format:"file"`
	Strict  bool   `json:"strict" doc:"Refuse what ethrex's own converter refuses: stray entries among the state nodes, witnesses in the shape of geth, witnesses without keys." default:"false"`
}

// target resolves guest, format, ZisK version and framing.
func (c Config) target() (guest.Target, string, error) {
	return guest.Choice{Format: c.Format, Guest: c.Guest, ZisK: c.ZisK, Framing: c.Framing}.Target()
}

// Validate implements the SDK's optional interface.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	if _, pointer, err := c.target(); err != nil {
		remedy := "builder-ethrex guests prints which guest reads which format and framing"
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: err.Error(), Remedy: remedy})
	}
	return append(findings, c.choice().Validate()...)
}

func (c Config) choice() chainspec.Choice {
	return chainspec.Choice{Network: c.Network, Genesis: c.Genesis}
}

// Check implements the SDK's optional interface.
func (c Config) Check(context.Context) []sdk.Finding {
	forms := []func(*chainspec.Spec) error{chainspec.NeedsEthrex}
	if t, _, err := c.target(); err == nil && input.NeedsKeys(t.Format) && !c.Strict {
		// A block whose witness lacks keys is executed to find them.
		forms = append(forms, chainspec.NeedsRules)
	}
	findings := c.choice().Check(forms...)
	if t, _, err := c.target(); err == nil && t.Note != "" {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityInfo, Pointer: "/guest", Summary: t.Note})
	}
	return findings
}
