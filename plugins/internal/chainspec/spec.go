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
	Name    string // name of a public network; empty for any other chain

	config    *Config
	configErr error
	rules     *params.ChainConfig
	rulesErr  error
}

// Rules returns the configuration for go-ethereum. The caller must not change it. It
// returns an error for a chain that has not merged, and for rules that go-ethereum
// cannot execute.
func (s *Spec) Rules() (*params.ChainConfig, error) { return s.rules, s.rulesErr }

// Ethrex returns the configuration in ethrex's form. The caller must not change it. It
// returns an error where the file lacks an entry that ethrex requires.
func (s *Spec) Ethrex() (*Config, error) { return s.config, s.configErr }

// Names of the public networks. The values of Holesky are those of
// ethereum/go-ethereum:params/config.go@v1.17.4, the last version that has it.
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
	publicNetwork(Mainnet, mainnet(), params.MainnetChainConfig),
	publicNetwork(Sepolia, sepolia(), params.SepoliaChainConfig),
	publicNetwork(Holesky, holesky(), holeskyRules()),
	publicNetwork(Hoodi, hoodi(), params.HoodiChainConfig),
}

func publicNetwork(name string, config *Config, rules *params.ChainConfig) *Spec {
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

// Read reads the configuration from a file, which is a genesis file of geth or ethrex,
// or only its "config" object. It reads a name that ends in .gz as gzip. All errors
// begin with the path, also those of Rules and Ethrex.
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

// Parse parses the content of a genesis file or of its "config" object. Like geth and
// ethrex it ignores unknown entries. It fails where the text is no configuration. Where
// only one of the two forms lacks an entry, Rules or Ethrex returns that error.
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
