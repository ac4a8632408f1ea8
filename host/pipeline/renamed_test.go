package pipeline

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// TestOldPluginNames: a file with the old name of a plugin works, and has a finding with
// the new name.
func TestOldPluginNames(t *testing.T) {
	text := `version: 1
name: test
stages:
  - {name: blocks, plugin: source-devchain}
  - {name: slack, plugin: reporter-slack, config: {url: "https://hooks.slack.com/services/x"}}
  - {name: hook, plugin: reporter-webhook}
`
	p, findings := Parse("pipeline.yaml", []byte(text), lookup)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	schema := json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"to":{"enum":["slack","webhook"]},"url":{"type":"string"}}}`)
	for range 2 { // binding again changes nothing
		findings = Bind(p, func(name string) (contract.Manifest, error) {
			if strings.HasPrefix(name, "reporter-") {
				return contract.Manifest{Name: "reporter-notify", Version: "1.0.0", Kind: contract.KindReporter, Schema: schema}, nil
			}
			return find(name)
		})
		if len(findings) != 2 || findings.Failed() || !strings.Contains(findings[0].String(), "pipeline.yaml:5:27: info: ") ||
			!strings.Contains(findings[0].String(), "reporter-slack is called reporter-notify now") {
			t.Errorf("findings %v", findings)
		}
		if slack, hook := string(p.Stages[1].Config), string(p.Stages[2].Config); slack != `{"to":"slack","url":"https://hooks.slack.com/services/x"}` || hook != `{"to":"webhook"}` {
			t.Errorf("config blocks %s and %s", slack, hook)
		}
		if p.Stages[1].Concurrency != 8 {
			t.Errorf("a reporter delivers %d blocks at a time, want 8", p.Stages[1].Concurrency)
		}
	}
}
