package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSchema: the schema has the config blocks of the installed plugins.
func TestSchema(t *testing.T) {
	workplace(t, "127.0.0.1:0")
	if _, _, stderr := execute(t, "schema", "--dir", "plugins"); !strings.Contains(stderr, "source-test is left out: ") {
		t.Errorf("plugins that nothing describes: %s", stderr)
	}
	if code, _, stderr := execute(t, "plugins", "lock", "plugins"); code != 0 {
		t.Fatal(stderr)
	}
	code, stdout, stderr := execute(t, "schema", "--dir", "plugins")
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
		Required []string `json:"required"`
	}
	if err := json.Unmarshal([]byte(stdout), &schema); err != nil || code != 0 || stderr != "" {
		t.Fatalf("%d %v %s", code, err, stderr)
	}
	if len(schema.Required) == 0 || schema.Defs["config-source-test"].Properties["url"] == nil {
		t.Errorf("%s", stdout)
	}
	if code, _, _ := execute(t, "schema", "prover-x"); code == 0 {
		t.Error("an argument is accepted")
	}
}
