package pipeline

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/sdk/contract"
)

// fileSchema compiles the schema for a prover with a config of several types.
func fileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := JSONSchema([]contract.Manifest{{Name: "prover-x", Kind: contract.KindProver, Schema: []byte(`{
		"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,"required":["elf"],"properties":{
			"elf":{"type":"string","description":"A file."},"workers":{"type":["integer","string"],"pattern":"^[0-9]*$","minimum":1},
			"mode":{"type":"string","enum":["a","b"]},"list":{"type":"array","items":{"type":"integer"}}}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource("file.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("file.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validYAML(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(encoded)); err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

func TestJSONSchemaAcceptsPresets(t *testing.T) {
	s := fileSchema(t)
	for _, name := range Presets() {
		text, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validYAML(t, s, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJSONSchemaKnowsKeys: every example of the reference is valid where it stands.
func TestJSONSchemaKnowsKeys(t *testing.T) {
	s := fileSchema(t)
	for _, k := range reference.Keys {
		if k.Example == "" || k.Name == "version" || k.Name == "name" || k.Name == "stages" {
			continue
		}
		if err := validYAML(t, s, "version: 1\nname: x\nstages: [{name: a, plugin: b}]\n"+k.Example); err != nil {
			t.Errorf("%s: %v", k.Example, err)
		}
	}
	for _, k := range stageKeys {
		if k.Example == "" {
			continue
		}
		if err := validYAML(t, s, "version: 1\nname: x\nstages:\n  - name: a\n    plugin: b\n    "+k.Example); err != nil {
			t.Errorf("%s: %v", k.Example, err)
		}
	}
}

func TestJSONSchemaJudges(t *testing.T) {
	s := fileSchema(t)
	const head = "version: 1\nname: x\n"
	stage := func(config string) string {
		return head + "stages: [{name: p, plugin: prover-x, config: " + config + "}]"
	}
	for text, want := range map[string]string{
		stage(`{elf: a, workers: 3, mode: a, list: [1]}`):                                "",
		stage(`{elf: "${ELF}", workers: "${N:-4}", mode: "${MODE}", list: ["${N}", 2]}`): "",
		stage(`{elf: a, workers: , mode: }`):                                             "",
		head + "stages: [{name: p, plugin: prover-of-elsewhere, config: {a: 1}}]":        "",
		stage(`{elf: a, worker: 3}`):                                                     "'worker'",
		stage(`{elf: a, workers: true}`):                                                 "workers",
		stage(`{elf: a, mode: c}`):                                                       "mode",
		stage(`{}`):                                                                      "elf",
		head + "stages: [{name: p, plugin: prover-x}]":                                   "config",
		head + "stages: [{name: p}]":                                                     "plugin",
		head + "stage: []":                                                               "stage",
		head + "stages: []\nselect: {every: often}":                                      "every",
		head + "stages: []\nlog: {level: loud}":                                          "level",
		head + "stages: []\nlog: {level: \"${LEVEL:-info}\"}":                            "",
		head + "stages: []\nselect: {drop_after: 0, every: \"${EVERY}\"}":                "",
		head + "stages: []\nkeep:":                                                       "",
	} {
		switch err := validYAML(t, s, text); {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
