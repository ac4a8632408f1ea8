package inputbuilder

import (
	"maps"

	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
)

// Choice is what the config of a builder says of guest and chain.
type Choice struct {
	Guest guest.Choice
	Chain chainspec.Choice
}

// Validate judges the entries by themselves; plugin is the program that lists guests.
func (c Choice) Validate(plugin string) (findings []sdk.Finding) {
	if _, pointer, err := c.Guest.Target(); err != nil {
		findings = append(findings, sdk.Finding{
			Severity: sdk.SeverityError, Pointer: pointer, Summary: err.Error(),
			Remedy: plugin + " guests prints which guest reads which format, and in what framing",
		})
	}
	return append(findings, c.Chain.Validate()...)
}

// Check reads the genesis file, where one is named, as the stage will, and asks for
// the forms of the chain that the stage needs. It hands on what there is to say of the
// guest.
func (c Choice) Check(forms ...func(*chainspec.Spec) error) []sdk.Finding {
	findings := c.Chain.Check(forms...)
	if t, _, err := c.Guest.Target(); err == nil && t.Note != "" {
		findings = append(findings, sdk.Finding{Severity: sdk.SeverityInfo, Pointer: "/guest", Summary: t.Note})
	}
	return findings
}

// Provides are the facts about input and chain that the config tells.
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
