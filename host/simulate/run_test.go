package simulate

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/proofline/proofline/host/selection"
	"github.com/proofline/proofline/sdk/contract"
)

func plan(blocks, gpus int, every uint64) Plan {
	return Plan{
		Blocks: blocks, Seed: 1, GPUs: gpus, GPUsPerProof: 1, Model: Measured, Gas: Mainnet, Times: DefaultTimes,
		Selection: selection.Selection{Targets: contract.Selection{Every: every}, Order: selection.NewestFirst, DropAfter: 168 * time.Hour, Repair: 128},
		Retries:   2, Backoff: 5 * time.Second, Timeout: 2 * time.Hour,
	}
}

func TestDay(t *testing.T) {
	began := time.Now()
	r, err := Run(t.Context(), plan(7200, 8, 1))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.MarshalIndent(r, "", " ")
	t.Logf("%s %s", time.Since(began), text)
}
