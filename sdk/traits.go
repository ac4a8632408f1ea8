package sdk

import (
	"context"
	"maps"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/redact"
)

// assess judges a configuration. The assessment holds no secret. It calls redact with the
// secrets before it runs the plugin's own check, which may log them.
func (d *definition) assess(ctx context.Context, text []byte, offline bool, redact func([]string)) contract.Assessment {
	config, findings := d.decode(text)
	redact(config.secrets)
	if !offline && !hasError(findings) {
		findings = append(findings, d.check(ctx, config)...)
	}
	out := contract.Assessment{Findings: redactFindings(findings, config.secrets)}
	if !out.HasError() {
		traits := redactTraits(d.traits(config), config.secrets)
		out.Traits = &traits
	}
	return out
}

// configTraits returns the traits that follow from a config without errors. A check may
// store what it found out in the config; then the traits after the check include it.
func configTraits(kind Kind, config any) contract.Traits {
	traits := contract.Traits{MakesProof: kind == contract.KindProver}
	if g, ok := config.(gate); ok && traits.MakesProof {
		traits.MakesProof = g.MakesProof()
	}
	return withFacts(traits, config)
}

// openedTraits adds the facts that the opened plugin knows beyond its configuration.
func openedTraits(traits contract.Traits, value any) contract.Traits {
	if n, ok := value.(noter); ok {
		traits.Note = n.Note()
	}
	return withFacts(traits, value)
}

// withFacts adds the facts of a config or of a plugin value to the traits, except those
// that are empty.
func withFacts(traits contract.Traits, from any) contract.Traits {
	if p, ok := from.(provider); ok {
		traits.Provides = merged(traits.Provides, p.Provides())
		maps.DeleteFunc(traits.Provides, func(_, value string) bool { return value == "" })
	}
	if r, ok := from.(requirer); ok {
		traits.Requires = merged(traits.Requires, r.Requires())
		maps.DeleteFunc(traits.Requires, func(_ string, values []string) bool { return len(values) == 0 })
	}
	return traits
}

// merged returns a new map with the entries of both; those of b win.
func merged[V any](a, b map[string]V) map[string]V {
	out := make(map[string]V, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// redactTraits removes secrets from the note. It leaves the facts unchanged, because the
// host compares them with those of other stages, and a secret may be a part of one by
// chance.
func redactTraits(traits contract.Traits, secrets []string) contract.Traits {
	traits.Note = redact.New(secrets...).Text(traits.Note)
	return traits
}
