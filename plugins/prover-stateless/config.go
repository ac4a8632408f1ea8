package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/plugins/internal/stateless/chainconfig"
	"github.com/proofline/proofline/sdk"
)

const (
	// networkAuto takes the rules from the block: from chain.json where the
	// source gives one, else by the chain id.
	networkAuto = "auto"
	// networkCustom takes them from the genesis file.
	networkCustom = "custom"
)

// Config is the stage's config block.
type Config struct {
	Network string `json:"network" doc:"Whose rules hold. auto takes them from the source's chain.json or else by the block's chain id." default:"auto" enum:"auto,mainnet,sepolia,holesky,hoodi,custom"`
	Genesis string `json:"genesis" doc:"Genesis file, or its config part alone, of a custom chain." format:"file"`
}

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding {
	switch {
	case c.Genesis != "" && c.Network != networkAuto && c.Network != networkCustom:
		return []sdk.Finding{{
			Severity: sdk.SeverityError, Pointer: "/genesis",
			Summary: fmt.Sprintf("genesis and network %s are both set", c.Network),
			Remedy:  "leave out genesis, or set network to custom",
		}}
	case c.Genesis == "" && c.Network == networkCustom:
		return []sdk.Finding{{
			Severity: sdk.SeverityError, Pointer: "/genesis", Summary: "network is custom, but genesis is not set",
			Remedy: "name the chain's genesis file",
		}}
	}
	return nil
}

// MakesProof says that the stage is a gate.
func (Config) MakesProof() bool { return false }

// Check implements the SDK's checker.
func (c Config) Check(context.Context) []sdk.Finding {
	if c.Genesis == "" {
		return nil
	}
	// That the file is there is checked before.
	if _, err := readRules(c.Genesis); err != nil && !errors.Is(err, os.ErrNotExist) {
		return []sdk.Finding{{
			Severity: sdk.SeverityError, Pointer: "/genesis", Summary: err.Error(),
			Remedy: "name a genesis file as geth reads it, or its config part",
		}}
	}
	return nil
}

// rules returns the rules that the config fixes, nil for auto.
func (c Config) rules() (*params.ChainConfig, error) {
	switch {
	case c.Genesis != "":
		return readRules(c.Genesis)
	case c.Network != networkAuto:
		return chainconfig.ByName(c.Network)
	}
	return nil, nil
}

func readRules(path string) (*params.ChainConfig, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rules, err := chainconfig.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rules, nil
}
