package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/proofline/proofline/plugins/reporter-ethproofs/ethproofs"
	"github.com/proofline/proofline/sdk/contract"
)

// perMinute is how many requests of one key EthProofs takes
// (ethproofs/ethproofs:lib/middleware/with-rate-limit.ts@98b7a6f1).
const perMinute = 60

// verifyStored is the command that has the site verify what it has of a block.
const verifyStored = "verify-stored"

// Provides implements the SDK's provider: one cluster is one prover, and a block can
// be proved once for it. It states no pace of its own, for the server's count of the
// key's requests sets that.
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
	if c.Pace < perMinute { // others are for keys without a limit
		facts[contract.TraitLimit] = strconv.Itoa(perMinute)
	}
	return facts
}

// digest is the same text for the same words, and does not show them: nobody finds a
// key that he cannot guess.
func digest(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:12])
}
