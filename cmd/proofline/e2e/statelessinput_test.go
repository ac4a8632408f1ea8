package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/prover-zisk/zisktest"
	"github.com/proofline/proofline/plugins/prover-zisk/zisktest/double"
)

// TestStatelessInputPresetRuns takes a recorded Hoodi block through the preset
// stateless-input, in which only chain, block and paths are changed. The tool is the double
// of cargo-zisk. Its guest reads the input as the sources of the guests' format define, and
// commits to its content.
func TestStatelessInputPresetRuns(t *testing.T) {
	t.Parallel()
	n := newNode(t, 560048, shared(t, "data", "hoodi", "1265656"))
	s, _, server := operator(t, "", zisktest.Scenario{Version: "1.0.0-alpha", PhaseMS: 1, Guest: double.Stateless})
	s.env = append(s.env, "ETH_RPC_URL="+n.URL)
	if err := os.Remove(s.path("pipeline.yaml")); err != nil {
		t.Fatal(err)
	}
	s.must("init", "stateless-input", "--file", "pipeline.yaml")
	preset, err := os.ReadFile(s.path("pipeline.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(swap(t, string(preset),
		"0.0.0.0:${HEALTH_PORT:-4000}", "LISTEN",
		"every: 100", "blocks: [1265656]",
		"drop_after: 168h", "drop_after: 0s",
		"network: mainnet", "network: hoodi",
		`elf: "${ELF_PATH}"`+"\n      action", `elf: "${ELF_PATH}"`+"\n      verifier: tool\n      lock_dir: "+t.TempDir()+"\n      action",
		`cluster_id: "${ETHPROOFS_CLUSTER_ID:-}"`, `cluster_id: "${ETHPROOFS_CLUSTER_ID:-}"`+"\n      accept_test_proofs: true\n      pace: 6000",
	))
	if code, out, log := s.run("run", "--blocks", "1"); code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out, log)
	}
	if writes := strings.Join(server.Writes(), "\n"); !strings.HasSuffix(writes, "proved 1265656 200") {
		t.Errorf("EthProofs saw\n%s", writes)
	}
	for name, fact := range map[string]string{"schema_id": "0x1101", "reexecution": "gate", "format": "ssz-d4"} {
		if show := s.must("blocks", "show", "1265656", "--json"); !strings.Contains(show, `"`+name+`": "`+fact+`"`) {
			t.Errorf("the input's %s is not %s:\n%s", name, fact, show)
		}
	}
}
