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

// networkAuto takes the rules from the block: from chain.json where the source
// gives one, else by the chain id.
const networkAuto = "auto"

// Config is the stage's config block.
type Config struct {
	Network string `json:"network" doc:"Whose rules hold. auto takes them from the source's chain.json or else by the block's chain id." default:"auto" enum:"auto,mainnet,sepolia,holesky,hoodi"`
	Genesis string `json:"genesis" doc:"Genesis file, or its config part alone, of a chain that is not built in. It replaces network." format:"file"`
}

// Validate implements the SDK's validator.
func (c Config) Validate() []sdk.Finding {
	if c.Genesis != "" && c.Network != networkAuto {
		return []sdk.Finding{{
			Severity: sdk.SeverityError, Pointer: "/genesis",
			Summary: fmt.Sprintf("genesis and network %s are both set", c.Network),
			Remedy:  "leave network out, or set it to auto",
		}}
	}
	return nil
}

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
