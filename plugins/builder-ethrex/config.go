package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/proofline/proofline/plugins/builder-ethrex/chainspec"
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
	Strict  bool   `json:"strict" doc:"Refuse what ethrex's own converter refuses: stray entries among the state nodes and whatever else nothing in the witness refers to, witnesses in the shape of geth, witnesses without keys." default:"false"`
}

// target is what a Config asks for.
type target struct {
	format  guest.Format
	framing guest.Framing
	note    string // of the guest program
}

// target resolves guest, format, ZisK version and framing; what is said twice
// must agree.
func (c Config) target() (t target, pointer string, err error) {
	if c.Format == "" && c.Guest == "" {
		return t, "", fmt.Errorf("neither format nor guest is set")
	}
	if c.Format != "" {
		if t.format, err = guest.ParseFormat(c.Format); err != nil {
			return t, "/format", err
		}
	}
	if c.Guest != "" {
		program, err := guest.Lookup(c.Guest)
		if err != nil {
			return t, "/guest", err
		}
		if t.format != "" && t.format != program.Format {
			return t, "/format", fmt.Errorf("format %s, but guest %s reads %s", t.format, c.Guest, program.Format)
		}
		t = target{program.Format, program.Framing, program.Note}
	}
	if c.ZisK != "" {
		framing, err := guest.FramingOf(c.ZisK)
		if err != nil {
			return t, "/zisk", err
		}
		if t.framing != "" && t.framing != framing {
			return t, "/zisk", fmt.Errorf("ZisK %s reads %s files, but guest %s was built for one that reads %s files", c.ZisK, framing, c.Guest, t.framing)
		}
		t.framing = framing
	}
	if c.Framing != "" {
		framing, err := guest.ParseFraming(c.Framing)
		if err != nil {
			return t, "/framing", err
		}
		if t.framing != "" && t.framing != framing {
			return t, "/framing", fmt.Errorf("framing %s, but %s needs %s", framing, cmp.Or(c.zisk(), c.Guest), t.framing)
		}
		t.framing = framing
	}
	if t.framing == "" {
		t.framing = guest.DefaultFraming(t.format)
	}
	return t, "", nil
}

func (c Config) zisk() string {
	if c.ZisK == "" {
		return ""
	}
	return "ZisK " + c.ZisK
}

// Validate implements the SDK's optional interface.
func (c Config) Validate() []sdk.Finding {
	var findings []sdk.Finding
	if _, pointer, err := c.target(); err != nil {
		remedy := "builder-ethrex guests prints which guest reads which format and framing"
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: pointer, Summary: err.Error(), Remedy: remedy})
	}
	switch {
	case c.Network == "custom" && c.Genesis == "":
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/genesis", Summary: "network custom needs a genesis file", Remedy: "set genesis to the chain's genesis.json"})
	case c.Genesis != "" && c.Network != "custom" && c.Network != "auto" && c.Network != "":
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/genesis", Summary: fmt.Sprintf("genesis together with network %s", c.Network), Remedy: "set network to custom, or leave genesis out"})
	}
	return findings
}

// Check implements the SDK's optional interface.
func (c Config) Check(context.Context) []sdk.Finding {
	var findings []sdk.Finding
	if c.Genesis != "" {
		if _, err := chainspec.ReadGenesis(c.Genesis); err != nil {
			findings = append(findings, sdk.Finding{Severity: sdk.SeverityError, Pointer: "/genesis", Summary: err.Error(), Remedy: "give a genesis file with a \"config\" object as geth writes it"})
		}
	}
	if t, _, err := c.target(); err == nil && t.note != "" {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityInfo, Pointer: "/guest", Summary: t.note})
	}
	return findings
}
