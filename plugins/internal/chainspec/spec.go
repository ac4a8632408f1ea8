package chainspec

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/params"

	"github.com/proofline/proofline/sdk/witness"
)

// Spec is the configuration of one chain. It does not change and is safe for
// concurrent use.
type Spec struct {
	ChainID uint64
	Name    string // of a public network; empty for any other chain

	config    *Config
	configErr error
	rules     *params.ChainConfig
	rulesErr  error
}

// Rules returns the configuration for go-ethereum. It is shared and must not be
// changed. A chain that has not merged, or whose rules go-ethereum cannot follow,
// is an error.
func (s *Spec) Rules() (*params.ChainConfig, error) { return s.rules, s.rulesErr }

// Ethrex returns the configuration in ethrex's form. It is shared and must not be
// changed. A file without an entry that ethrex demands is an error.
func (s *Spec) Ethrex() (*Config, error) { return s.config, s.configErr }

// go-ethereum dropped Holesky after v1.17.4; the values are those of its
// params/config.go@v1.17.4.
//
// Names of the public networks.
const (
	Mainnet = "mainnet"
	Sepolia = "sepolia"
	Holesky = "holesky"
	Hoodi   = "hoodi"
)

//go:embed holesky.json
var holeskyJSON []byte

// networks are the public networks.
var networks = []*Spec{
	public(Mainnet, mainnet(), params.MainnetChainConfig),
	public(Sepolia, sepolia(), params.SepoliaChainConfig),
	public(Holesky, holesky(), holeskyRules()),
	public(Hoodi, hoodi(), params.HoodiChainConfig),
}

func public(name string, config *Config, rules *params.ChainConfig) *Spec {
	return &Spec{ChainID: config.ChainID, Name: name, config: config, rules: rules}
}

func holeskyRules() *params.ChainConfig {
	spec, err := Parse(holeskyJSON)
	if err == nil {
		err = spec.rulesErr
	}
	if err != nil {
		panic("the built-in configuration of holesky: " + err.Error())
	}
	return spec.rules
}

// Networks lists the names of the public networks.
func Networks() []string {
	names := make([]string, len(networks))
	for i, n := range networks {
		names[i] = n.Name
	}
	return names
}

// Network returns a public network by its name.
func Network(name string) (*Spec, error) {
	if i := slices.IndexFunc(networks, func(s *Spec) bool { return s.Name == name }); i >= 0 {
		return networks[i], nil
	}
	return nil, fmt.Errorf("unknown network %q: want one of %v, or a genesis file", name, Networks())
}

// ByID returns the public network with this chain id.
func ByID(id uint64) (*Spec, error) {
	if i := slices.IndexFunc(networks, func(s *Spec) bool { return s.ChainID == id }); i >= 0 {
		return networks[i], nil
	}
	return nil, fmt.Errorf("chain id %d is none of the networks %v: give its genesis file", id, Networks())
}

// Read reads the configuration in a file: a genesis file as geth or ethrex has
// them, or only its "config" object. Names that end in .gz are read as gzip.
// Errors begin with the path, also those of Rules and Ethrex.
func Read(path string) (*Spec, error) {
	data, err := witness.ReadFile(path)
	if err != nil {
		return nil, err
	}
	spec, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, err := range []*error{&spec.configErr, &spec.rulesErr} {
		if *err != nil {
			*err = fmt.Errorf("%s: %w", path, *err)
		}
	}
	return spec, nil
}

// Parse reads the content of such a file. Entries that it does not know are
// ignored, as geth and ethrex do. It fails where the text is no configuration at
// all; what one of the two forms lacks is told when that form is asked for.
func Parse(data []byte) (*Spec, error) {
	var outer struct {
		Config json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(data, &outer); err != nil {
		return nil, fmt.Errorf("chain configuration: %w", err)
	}
	if len(outer.Config) > 0 {
		data = outer.Config
	}
	var g genesisConfig
	if err := json.Unmarshal(data, &g); err != nil {
		return nil, fmt.Errorf("chain configuration: %w", err)
	}
	if err := g.check(); err != nil {
		return nil, fmt.Errorf("chain configuration: %w", err)
	}
	spec := &Spec{ChainID: *g.ChainID}
	if spec.config, spec.configErr = g.ethrex(); spec.configErr != nil {
		spec.configErr = fmt.Errorf("chain configuration: %w", spec.configErr)
	}
	if spec.rules, spec.rulesErr = g.rules(); spec.rulesErr != nil {
		spec.rulesErr = fmt.Errorf("chain configuration: %w", spec.rulesErr)
	}
	return spec, nil
}
