package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// forkDay is a pipeline on a chain that passes to Amsterdam at block 5.
const forkDay = `
version: 1
name: fork-day
monitor: {listen: "LISTEN"}
select: {every: 1, order: oldest_first}
stages:
  - name: source
    plugin: source-devchain
    config: {period: 1s, fork: amsterdam, fork_block: 5}
  - name: input
    plugin: builder-stateless-input
    retry: {max: 0}
    config: {guest: reth-0.1.0-rc.4}
  - name: check
    plugin: prover-stateless
`

// A guest that takes the blocks of both sides of a fork is served by one stage,
// whose input follows each block's fork.
func TestForkDay(t *testing.T) {
	t.Parallel()
	s := newSite(t, forkDay)
	out := s.must("run", "--blocks", "9")
	t.Log("\n" + out)
	if !strings.Contains(out, "9 blocks done") {
		t.Errorf("not all blocks are done")
	}
	for number, amsterdam := range map[string]bool{"4": false, "5": true, "9": true} {
		text, err := os.ReadFile(s.path("output", number, contract.ArtifactExecution))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "block_access_list_hash") != amsterdam {
			t.Errorf("block %s, Amsterdam %v: %s", number, amsterdam, text)
		}
	}
}
