// Package chainconfig knows the rules of the public Ethereum networks and reads
// those of any other chain from a file.
package chainconfig

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/params"
)

// go-ethereum dropped Holesky after v1.17.4; the values are those of its
// params/config.go@v1.17.4.
//
//go:embed holesky.json
var holeskyJSON []byte

var networks = []struct {
	name   string
	config *params.ChainConfig
}{
	{"mainnet", params.MainnetChainConfig},
	{"sepolia", params.SepoliaChainConfig},
	{"holesky", mustParse(holeskyJSON)},
	{"hoodi", params.HoodiChainConfig},
}

// ByID returns the rules and the name of a public network. The config is shared
// and must not be changed.
func ByID(chainID uint64) (config *params.ChainConfig, name string, err error) {
	for _, n := range networks {
		if n.config.ChainID.Uint64() == chainID {
			return n.config, n.name, nil
		}
	}
	return nil, "", fmt.Errorf("the rules of chain %d are not known: only %s are built in", chainID, strings.Join(Names(), ", "))
}

// ByName returns the rules of a public network.
func ByName(name string) (*params.ChainConfig, error) {
	for _, n := range networks {
		if n.name == name {
			return n.config, nil
		}
	}
	return nil, fmt.Errorf("no network %q: want one of %s", name, strings.Join(Names(), ", "))
}

// Names lists the public networks.
func Names() []string {
	names := make([]string, len(networks))
	for i, n := range networks {
		names[i] = n.name
	}
	return names
}

// Parse reads a chain config in the shape of a genesis file's "config", or a
// whole genesis file. A chain that has not merged is an error.
func Parse(text []byte) (*params.ChainConfig, error) {
	var genesis struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(text, &genesis); err != nil {
		return nil, fmt.Errorf("the chain config is no JSON object: %w", err)
	}
	if len(genesis.Config) > 0 {
		text = genesis.Config
	}
	config := new(params.ChainConfig)
	if err := json.Unmarshal(text, config); err != nil {
		return nil, fmt.Errorf("the chain config does not decode: %w", err)
	}
	switch {
	case config.ChainID == nil:
		return nil, errors.New("the chain config has no chainId")
	case !config.ChainID.IsUint64() || config.ChainID.Sign() == 0:
		return nil, fmt.Errorf("the chain config has the chainId %s: want 1 to 2^64-1", config.ChainID)
	case config.TerminalTotalDifficulty == nil:
		return nil, fmt.Errorf("chain %s has no terminalTotalDifficulty: only chains after the merge are supported", config.ChainID)
	case config.LondonBlock == nil:
		return nil, fmt.Errorf("chain %s has no londonBlock: only chains after the merge are supported", config.ChainID)
	}
	if err := config.CheckConfigForkOrder(); err != nil {
		return nil, fmt.Errorf("the rules of chain %s make no sense: %w", config.ChainID, err)
	}
	return config, nil
}

func mustParse(text []byte) *params.ChainConfig {
	config, err := Parse(text)
	if err != nil {
		panic("built-in chain config: " + err.Error())
	}
	return config
}
