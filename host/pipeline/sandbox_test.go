package pipeline

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// TestSandbox shows which stages are confined, and which files their configs name.
func TestSandbox(t *testing.T) {
	const file = "/p/pipeline.yaml"
	schema := json.RawMessage(`{"type": "object", "properties": {"genesis": {"type": "string", "format": "file"}, "name": {"type": "string"}, "bin": {"type": "string", "format": "program"}}}`)
	find := func(plugin string) (contract.Manifest, error) {
		m := contract.Manifest{Name: plugin, Version: "1.0.0", Kind: contract.KindBuilder, Schema: schema}
		switch plugin {
		case "source":
			m.Kind = contract.KindSource
		case "confined":
			m.Capabilities = []string{contract.CapabilitySandbox}
		}
		return m, nil
	}
	for _, test := range []struct {
		plugin, sandbox, config string
		want                    Sandbox
		files                   string
	}{
		{"confined", "", "{genesis: g.json, name: n, bin: sh}", Sandbox{Use: "auto", Confined: true}, "[/p/g.json]"},
		{"confined", "sandbox: {use: never}", "{bin: ./x}", Sandbox{Use: "never"}, "[/p/x]"},
		{"confined", "sandbox: {read: [/r, r], write: [w], network: true}", "{}", Sandbox{Use: "auto", Read: []string{"/r", "/p/r"}, Write: []string{"/p/w"}, Network: true, Confined: true}, "[]"},
		{"other", "", "{}", Sandbox{Use: "auto"}, "[]"},
		{"other", "sandbox: {use: always}", "{}", Sandbox{Use: "always", Confined: true}, "[]"},
	} {
		text := fmt.Sprintf("version: 1\nname: n\nstages:\n  - {name: source, plugin: source}\n  - name: input\n    plugin: %s\n    config: %s\n    %s\n", test.plugin, test.config, test.sandbox)
		p, findings := Parse(file, []byte(text), func(string) (string, bool) { return "", false })
		findings = append(findings, Bind(p, find)...)
		if n := findings.Count(contract.SeverityError); n > 0 {
			t.Fatalf("%s: %v", text, findings)
		}
		s := p.Stage("input")
		if fmt.Sprint(s.Sandbox) != fmt.Sprint(test.want) || fmt.Sprint(s.Files) != test.files {
			t.Errorf("%+v: %+v %v", test, s.Sandbox, s.Files)
		}
	}
}
