package contract

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Traits are the properties that follow from a plugin's configuration. A plugin sends
// those that the configuration alone decides in its answer to Check, and all of them in
// its answer to Configure.
type Traits struct {
	// MakesProof is true for a prover whose result is a proof. A prover without it is a
	// gate: a stage that needs the gate starts only after the gate has succeeded.
	MakesProof bool `json:"makes_proof"`
	// Note is one sentence for the operator, printed at start, such as "dry run: nothing
	// is sent". It is empty when there is no remark, and always in the answer to Check.
	Note string `json:"note,omitempty"`
	// Provides are facts about what the stage hands on, by name. A value is never
	// empty: a fact that is not known is left out.
	Provides map[string]string `json:"provides,omitempty"`
	// Requires names facts that the stages before this one must provide, each with
	// the values that this stage can work with. The host compares them with the facts of
	// the stages that this one needs, directly or indirectly. A fact that none of those
	// stages provides is not compared.
	Requires map[string][]string `json:"requires,omitempty"`
}

// Names of the facts in Traits. Plugins may agree on other names, which consist of
// lower-case letters, digits, "_" and dots between them.
const (
	TraitChainID      = "chain_id"      // decimal: "1"
	TraitNetwork      = "network"       // the chain's name: "mainnet"
	TraitInputFormat  = "input.format"  // the layout of input.bin: "g4"
	TraitInputFraming = "input.framing" // what surrounds the layout: "zisk-0.16"
	TraitGuest        = "guest"         // the program that the input is for: "ethrex"
	TraitZiskVersion  = "zisk.version"  // the release, without "v": "0.16.1"
)

// Names of facts that a reporter provides about the service that it reports to, its
// other side.
const (
	// TraitOneProver is "true" for a reporter whose other side takes the proofs of
	// one prover only.
	TraitOneProver = "reporter.one_prover"
	// TraitDestination identifies the service that a reporter sends to, and TraitAccount
	// the account that it uses, without revealing them: the same text for the same
	// service or account, such as a hash of server and key.
	TraitDestination = "reporter.destination"
	TraitAccount     = "reporter.account"
	// TraitPace is how many requests a minute the reporter sends at most, whatever other
	// reporters send with the same account. TraitLimit is how many requests a minute the
	// account takes from all reporters together. Both are decimal numbers. A reporter
	// that follows the account's own count of requests provides no pace.
	TraitPace  = "reporter.pace"
	TraitLimit = "reporter.limit"
	// TraitSite is the base URL of the API, without a key, of the site that judges
	// the prover by what the reporter sends.
	TraitSite = "reporter.site"
	// TraitVerifyStored names a command of the plugin that has the other side verify the
	// proofs that it has stored for a block. The host runs PLUGIN <command> --config -
	// --json BLOCK with the config block as JSON on standard input. The command prints a
	// list of StoredVerdict. If it has no verdict, its exit code is not 0 and the reason
	// is on standard error.
	TraitVerifyStored = "reporter.verify_stored"
)

// StoredVerdict is the other side's judgement of a proof that it has stored.
type StoredVerdict struct {
	Proof  string  `json:"proof"`             // the other side's name of the proof
	Valid  *bool   `json:"valid"`             // nil when the other side cannot verify the proof
	Reason string  `json:"reason,omitempty"`  // why the proof is not valid, or cannot be verified
	TookMS float64 `json:"took_ms,omitempty"` // duration of the verification in milliseconds
}

// Assessment is a plugin's answer to Check. Its JSON form is what a plugin prints
// that is started by hand with "validate --json" or "check --json".
type Assessment struct {
	Findings []Finding `json:"findings"`
	// Traits are those that follow from the configuration. They are nil when a finding is
	// an error, and in the answer of a plugin that knows them only after Configure.
	Traits *Traits `json:"traits,omitempty"`
}

// HasError reports whether at least one finding is an error.
func (a Assessment) HasError() bool {
	return slices.ContainsFunc(a.Findings, func(f Finding) bool { return f.Severity == SeverityError })
}

// UnmarshalJSON implements json.Unmarshaler. It also reads a list of findings alone, which
// a plugin without traits may print.
func (a *Assessment) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		*a = Assessment{}
		return json.Unmarshal(text, &a.Findings)
	}
	type plain Assessment // without this method
	return json.Unmarshal(text, (*plain)(a))
}
