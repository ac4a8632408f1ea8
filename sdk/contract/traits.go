package contract

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Traits is what follows from a plugin's configuration. A plugin answers them to
// Check, as far as the configuration tells, and to Configure.
type Traits struct {
	// MakesProof is true for a prover whose result is a proof. A prover without
	// it is a gate: what needs it starts only after it has succeeded.
	MakesProof bool `json:"makes_proof"`
	// Note is one sentence for the operator, printed at start: "dry run: nothing
	// is sent". Empty for nothing to say, and always in the answer to Check.
	Note string `json:"note,omitempty"`
	// Provides are facts about what the stage hands on, by name. A value is never
	// empty: what is not known is left out.
	Provides map[string]string `json:"provides,omitempty"`
	// Requires names facts that the stages before this one must provide, each with
	// the values that this one can work with. The host compares them along the
	// needs of the pipeline; a fact that none of those stages provides is not
	// compared.
	Requires map[string][]string `json:"requires,omitempty"`
}

// Names of the facts in Traits. A plugin may use others, for plugins that know
// them: words of lower-case letters, digits and "_", joined by dots.
const (
	TraitChainID      = "chain_id"      // decimal: "1"
	TraitNetwork      = "network"       // the chain's name: "mainnet"
	TraitInputFormat  = "input.format"  // the layout of input.bin: "g4"
	TraitInputFraming = "input.framing" // what surrounds the layout: "zisk-0.16"
	TraitGuest        = "guest"         // the program that the input is for: "ethrex"
	TraitZiskVersion  = "zisk.version"  // the release, without "v": "0.16.1"
)

// Names of facts that reporters state of the place they send to.
const (
	// TraitOneProver is "true" for a reporter whose other side takes the proofs of
	// one prover only.
	TraitOneProver = "reporter.one_prover"
	// TraitDestination names the place that a reporter sends to, and TraitAccount the
	// account that it does so with, without saying which: the same text for the same
	// place or account, such as a hash of server and key.
	TraitDestination = "reporter.destination"
	TraitAccount     = "reporter.account"
	// TraitPace is how many requests a minute the reporter may send whatever others
	// send with the same account, and TraitLimit how many of all reporters together
	// its account takes; decimal. A reporter that goes by the account's own count of
	// requests has no such pace.
	TraitPace  = "reporter.pace"
	TraitLimit = "reporter.limit"
	// TraitSite is the base URL of the API, without a key, of the site that judges
	// the prover by what the reporter sends.
	TraitSite = "reporter.site"
	// TraitVerifyStored is a command of the plugin that has the other side verify the
	// proofs that it has stored of a block: PLUGIN <command> --config - --json BLOCK,
	// with the config block as JSON on standard input. It prints a list of StoredVerdict;
	// without one the exit code is not 0, and the reason is on standard error.
	TraitVerifyStored = "reporter.verify_stored"
)

// StoredVerdict is what a reporter's other side says of a proof that it has stored.
type StoredVerdict struct {
	Proof  string  `json:"proof"`            // how the other side calls it
	Valid  *bool   `json:"valid"`            // nil: it cannot verify the proof
	Reason string  `json:"reason,omitempty"` // why it is not valid, or cannot be verified
	TookMS float64 `json:"took_ms,omitempty"`
}

// Assessment is a plugin's answer to Check. Its JSON form is what a plugin prints
// that is run by hand with "validate --json" or "check --json".
type Assessment struct {
	Findings []Finding `json:"findings"`
	// Traits are those that follow from the configuration; nil with an error among
	// the findings, and from a plugin that does not tell them before Configure.
	Traits *Traits `json:"traits,omitempty"`
}

// HasError reports whether a finding is an error.
func (a Assessment) HasError() bool {
	return slices.ContainsFunc(a.Findings, func(f Finding) bool { return f.Severity == SeverityError })
}

// UnmarshalJSON implements json.Unmarshaler. A plugin that has no traits to tell may
// print the list of its findings alone.
func (a *Assessment) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		*a = Assessment{}
		return json.Unmarshal(text, &a.Findings)
	}
	type plain Assessment // without this method
	return json.Unmarshal(text, (*plain)(a))
}
