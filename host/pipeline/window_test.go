package pipeline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

// forkDay is a pipeline at a fork. It has two builders, and either one prover that takes
// both inputs, or one prover for each. The provers do not need the key blocks.
const forkDay = `
version: 1
name: fork
stages:
  - {name: source, plugin: source-devchain}
  - {name: before, plugin: builder-ethrex, blocks: {until: 2026-10-06T13:53:36Z}}
  - {name: behind, plugin: builder-ethrex, needs: [source], blocks: {from: "2026-10-06T13:53:36Z"}}
  - {name: old, plugin: prover-zisk, needs: [before], config: {elf: /x}}
  - {name: new, plugin: prover-zisk, needs: [behind], config: {elf: /x}}
  - {name: both, plugin: prover-zisk, needs: [before, behind], config: {elf: /x}}
  - {name: few, plugin: prover-zisk, needs: [behind], blocks: {from: "2027-01-01T00:00:00Z"}, config: {elf: /x}}
  - {name: ethproofs, plugin: reporter-ethproofs, proofs: [old, new]}
  - {name: again, plugin: reporter-ethproofs, proofs: [old, both]}
`

func TestBlocksOfStages(t *testing.T) {
	p := bound(t, "pipeline.yaml", forkDay)
	fork, later := selection.Edge{Time: time.Unix(1791294816, 0).UTC()}, selection.Edge{Time: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	want := map[string]selection.Window{
		"source": {}, "ethproofs": {}, "again": {}, "both": {},
		"before": {Until: fork}, "old": {Until: fork}, "behind": {From: fork}, "new": {From: fork}, "few": {From: later},
	}
	got := map[string]selection.Window{}
	for i := range p.Stages {
		got[p.Stages[i].Name] = p.Stages[i].Blocks
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	proves := contract.Traits{MakesProof: true}
	one := contract.Traits{Provides: map[string]string{contract.TraitOneProver: "true"}}
	findings := p.CheckTraits(map[string]contract.Traits{"old": proves, "new": proves, "both": proves, "few": proves, "ethproofs": one, "again": one})
	if len(findings) != 1 || findings[0].Summary != `"again" reports one prover, and "old", "both" make proofs` {
		t.Errorf("%v, want that a reporter takes two provers that take turns, and no others", findings)
	}
}
