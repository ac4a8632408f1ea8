package chainspec

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Values of a stage's network entry beside the names of the public networks.
const (
	Auto   = "auto"   // the source's chain.json, or else the block's chain id
	Custom = "custom" // the genesis file
)

// Choice is what a stage's config says about the chain: its entries network and
// genesis.
type Choice struct{ Network, Genesis string }

// Validate judges the entries against each other.
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

// Check reads the genesis file, where one is named, as the stage will, and asks for
// the forms that the stage needs. That the file is there is checked elsewhere.
func (c Choice) Check(forms ...func(*Spec) error) []sdk.Finding {
	if c.Genesis == "" {
		return nil
	}
	spec, err := Read(c.Genesis)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, form := range forms {
		if err == nil {
			err = form(spec)
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

// NeedsRules is a form for Check: the stage executes blocks.
func NeedsRules(s *Spec) error { return s.rulesErr }

// NeedsEthrex is a form for Check: the stage writes ethrex's chain configuration.
func NeedsEthrex(s *Spec) error { return s.configErr }

// Spec returns the chain that the entries name, nil for auto.
func (c Choice) Spec() (*Spec, error) {
	switch {
	case c.Genesis != "":
		return Read(c.Genesis)
	case c.Network == Auto || c.Network == "":
		return nil, nil
	}
	return Network(c.Network)
}

// Provides are the facts of the chain that the entries tell. A genesis file is read
// when the stage starts, and by doctor: of it nothing is told.
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

// Requires names the chain whose blocks the stage takes, as far as the entries tell.
func (c Choice) Requires() map[string][]string {
	id := c.Provides()[contract.TraitChainID]
	if id == "" {
		return nil
	}
	return map[string][]string{contract.TraitChainID: {id}}
}

// ForTask returns the chain of the task's block: the chosen one, or where that is
// nil what the source says of it in chain.json, or else the public network with
// the block's chain id. A chain that is not the block's, or not known, is a fault
// of the file and not of the block: an environment error.
func ForTask(task *sdk.Task, chosen *Spec) (*Spec, error) {
	spec, whose := chosen, "the stage is configured for chain %d"
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
		whose = sdk.ArtifactChain + " is of chain %d"
	default:
		spec, err := ByID(task.Block.ChainID)
		if err != nil {
			return nil, sdk.Environment(err, "set genesis in the stage's config to a file with the chain's configuration")
		}
		return spec, nil
	}
	if spec.ChainID != task.Block.ChainID {
		return nil, sdk.Environment(fmt.Errorf("the block is of chain %d, but "+whose, task.Block.ChainID, spec.ChainID),
			"correct network or genesis in the stage's config")
	}
	return spec, nil
}
