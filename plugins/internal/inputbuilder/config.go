package inputbuilder

import (
	"maps"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Choice holds the keys of a builder's config that choose guest and chain.
type Choice struct {
	Guest guest.Choice
	Chain chainspec.Choice
}

// Validate validates the keys without reading files. plugin is the name of the plugin, for
// the remedy.
func (c Choice) Validate(plugin string) (findings []sdk.Finding) {
	if _, pointer, err := c.Guest.Target(); err != nil {
		findings = append(findings, sdk.Finding{
			Severity: sdk.SeverityError, Pointer: pointer, Summary: err.Error(),
			Remedy: plugin + " guests prints which guest reads which format, and in what framing",
		})
	}
	return append(findings, c.Chain.Validate()...)
}

// Check reads the genesis file, if the config names one, and applies the stage's
// requirements to it, see chainspec.Choice.Check. It also returns the note of the guest.
func (c Choice) Check(requirements ...func(*chainspec.Spec) error) []sdk.Finding {
	findings := c.Chain.Check(requirements...)
	if t, _, err := c.Guest.Target(); err == nil && t.Note != "" {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityInfo, Pointer: "/guest", Summary: t.Note})
	}
	return findings
}

// Provides returns the traits of input and chain that the config determines.
func (c Choice) Provides() map[string]string {
	t, _, err := c.Guest.Target()
	if err != nil {
		return nil
	}
	facts := map[string]string{
		contract.TraitInputFormat: string(t.Format), contract.TraitInputFraming: string(t.Framing),
		contract.TraitGuest: c.Guest.Guest, contract.TraitZiskVersion: c.Guest.ZisK,
	}
	maps.Copy(facts, c.Chain.Provides())
	return facts
}
