package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// checked is a pipeline that re-executes listed blocks of a node.
const checked = `
version: 1
name: checked
monitor: {listen: "LISTEN"}
select: {blocks: [%s], drop_after: 0s}
stages:
  - name: source
    plugin: source-rpc
    config: {endpoints: ["%s"], poll: 200ms}
  - name: input
    plugin: builder-ethrex
    config: {format: g8, network: auto}
  - name: check
    plugin: prover-stateless
    retry: {max: 0}
  - name: ethproofs
    plugin: reporter-ethproofs
`

func TestRealBlocks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		network string
		chain   uint64
		number  uint64
	}{{"mainnet", 1, 24647140}, {"hoodi", 560048, 1265656}} {
		t.Run(c.network, func(t *testing.T) {
			n := newNode(t, c.chain, shared(t, "data", c.network, fmt.Sprint(c.number)))
			s := newSite(t, fmt.Sprintf(checked, fmt.Sprint(c.number), n.URL))
			out := s.must("run", "--blocks", "1")
			t.Log("\n" + out)
			text, err := os.ReadFile(s.path("output", fmt.Sprint(c.number), contract.ArtifactExecution))
			if err != nil {
				t.Fatal(err)
			}
			var execution, header map[string]any
			if err := json.Unmarshal(text, &execution); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(n.blocks[c.number], &header); err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"stateRoot", "receiptsRoot"} {
				if !strings.Contains(string(text), header[field].(string)) {
					t.Errorf("execution.json does not hold the header's %s %s:\n%s", field, header[field], text)
				}
			}
		})
	}
}
