package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

// perMinute is how many requests of one key EthProofs accepts in a minute
// (ethproofs/ethproofs:lib/middleware/with-rate-limit.ts@98b7a6f1).
const perMinute = 60

// verifyStored is the name of the command that has the site verify its stored proofs
// of a block.
const verifyStored = "verify-stored"

// Provides returns the traits of the stage. One cluster is one prover: a block can be proved
// once for it. Provides states no pace, because the server's count of the key's
// requests sets the pace.
func (c Config) Provides() map[string]string {
	facts := map[string]string{contract.TraitOneProver: "true"}
	if c.isDryRun() {
		return facts
	}
	site, err := ethproofs.ParseURL(c.URL)
	if err != nil {
		return facts
	}
	key, err := ethproofs.ParseKey(c.APIKey.Reveal())
	if err != nil {
		return facts
	}
	facts[contract.TraitSite] = site
	facts[contract.TraitVerifyStored] = verifyStored
	facts[contract.TraitAccount] = digest(site, key)
	facts[contract.TraitDestination] = digest(site, key, strconv.Itoa(c.Cluster))
	if c.Pace < perMinute { // a higher pace is for a key without a limit
		facts[contract.TraitLimit] = strconv.Itoa(perMinute)
	}
	return facts
}

// digest returns a text that is the same for the same parts and does not reveal them:
// only somebody who can guess the key can confirm it by the digest.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:12])
}
