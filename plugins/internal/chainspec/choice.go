package chainspec

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Values of a stage's key network other than the names of the public networks.
const (
	Auto   = "auto"   // the source's chain.json, or else the block's chain id
	Custom = "custom" // the genesis file
)

// Choice holds the two keys of a stage's config that choose its chain: network and
// genesis.
type Choice struct{ Network, Genesis string }

// Validate reports where the two keys contradict each other.
func (c Choice) Validate() []sdk.Finding {
	switch {
	case c.Network == Custom && c.Genesis == "":
		return []sdk.Finding{{
			Severity: sdk.SeverityError, Pointer: "/genesis", Summary: "network is custom, but genesis is not set",
			Remedy: "name the chain's genesis file",
		}}
	case c.Genesis != "" && c.Network != Custom && c.Network != Auto && c.Network != "":
		return []sdk.Finding{{
			Severity: sdk.SeverityError, Pointer: "/genesis", Summary: fmt.Sprintf("genesis and network %s are both set", c.Network),
			Remedy: "leave out genesis, or set network to custom",
		}}
	}
	return nil
}

// Check reads the genesis file, if the config names one, and applies the requirements
// of the stage to it. It reports nothing where the file does not exist, because the
// caller checks that.
func (c Choice) Check(requirements ...func(*Spec) error) []sdk.Finding {
	if c.Genesis == "" {
		return nil
	}
	spec, err := Read(c.Genesis)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, requirement := range requirements {
		if err == nil {
			err = requirement(spec)
		}
	}
	if err == nil {
		return nil
	}
	return []sdk.Finding{{
		Severity: sdk.SeverityError, Pointer: "/genesis", Summary: err.Error(),
		Remedy: "name a genesis file as geth or ethrex reads it, or its config part",
	}}
}

// NeedsRules is a requirement for Check of a stage that executes blocks.
func NeedsRules(s *Spec) error { return s.rulesErr }

// NeedsEthrex is a requirement for Check of a stage that writes ethrex's chain
// configuration.
func NeedsEthrex(s *Spec) error { return s.configErr }

// Spec returns the chain that the keys name. It returns nil for auto, where ForTask
// finds the chain of each block.
func (c Choice) Spec() (*Spec, error) {
	switch {
	case c.Genesis != "":
		return Read(c.Genesis)
	case c.Network == Auto || c.Network == "":
		return nil, nil
	}
	return Network(c.Network)
}

// Provides returns the traits of the chain that the keys name. It does not read a
// genesis file, so it returns nil where genesis is set, and also for auto.
func (c Choice) Provides() map[string]string {
	if c.Genesis != "" {
		return nil
	}
	spec, err := c.Spec()
	if err != nil || spec == nil {
		return nil
	}
	return map[string]string{contract.TraitChainID: strconv.FormatUint(spec.ChainID, 10), contract.TraitNetwork: spec.Name}
}

// Requires returns the chain id of the blocks that the stage takes, nil where the keys
// do not determine it.
func (c Choice) Requires() map[string][]string {
	id := c.Provides()[contract.TraitChainID]
	if id == "" {
		return nil
	}
	return map[string][]string{contract.TraitChainID: {id}}
}

// ForTask returns the chain of the task's block: the chosen one, or where that is nil
// the one in the source's chain.json, or else the public network with the block's chain
// id. It returns an environment error where the chain is unknown or is not the block's,
// because then the pipeline file is at fault and not the block.
func ForTask(task *sdk.Task, chosen *Spec) (*Spec, error) {
	spec, mismatch := chosen, "the stage is configured for chain %d"
	switch {
	case spec != nil:
	case task.HasInput(sdk.ArtifactChain):
		path, err := task.Input(sdk.ArtifactChain)
		if err != nil {
			return nil, err
		}
		if spec, err = Read(path); err != nil {
			return nil, sdk.Permanent(err)
		}
		mismatch = sdk.ArtifactChain + " is of chain %d"
	default:
		spec, err := ByID(task.Block.ChainID)
		if err != nil {
			return nil, sdk.Environment(err, "set genesis in the stage's config to a file with the chain's configuration")
		}
		return spec, nil
	}
	if spec.ChainID != task.Block.ChainID {
		return nil, sdk.Environment(fmt.Errorf("the block is of chain %d, but "+mismatch, task.Block.ChainID, spec.ChainID),
			"correct network or genesis in the stage's config")
	}
	return spec, nil
}
