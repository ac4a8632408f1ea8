package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// TestExamples: the examples are valid and make a proof.
func TestExamples(t *testing.T) {
	plugin := buildPlugin(t)
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		out, err := exec.CommandContext(t.Context(), plugin, "validate", "--json", "--config", file).Output()
		var a contract.Assessment
		if jsonErr := json.Unmarshal(out, &a); err != nil || jsonErr != nil || len(a.Findings) > 0 || a.Traits == nil || !a.Traits.MakesProof {
			t.Errorf("%s: %v %v %+v", file, err, jsonErr, a)
		}
	}
}

// TestRun runs the example for Airbender against a double that is made from the
// description of its command line, not from the tool: arguments, the lines with the
// time of each stage, and the place of the proof.
func TestRun(t *testing.T) {
	plugin := buildPlugin(t)
	dir := t.TempDir()
	// Airbender: JSON proof in the folder that --output-dir names, a time for each stage.
	double := filepath.Join(dir, "cli")
	script := `#!/bin/sh
printf '%s\n' "$@" > ` + filepath.Join(dir, "args") + `
cp "$5" ` + filepath.Join(dir, "seen") + `
echo "**** proofs generated in 1.5s ****"
echo "**** proofs generated in 2.25s ****"
echo '{}' > "$7/final_program_proof.json"
`
	if err := os.WriteFile(double, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("examples/airbender.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "config.yaml")
	input, task := filepath.Join(dir, "input.bin"), filepath.Join(dir, "task.json")
	for path, text := range map[string][]byte{
		config: []byte(strings.Replace(string(example), "/opt/airbender/cli", double, 1)), input: {1, 0xff},
		task: []byte(`{"block":{"chain_id":1,"number":5,"hash":"0x0100000000000000000000000000000000000000000000000000000000000000"},"inputs":[{"path":"input.bin"}]}`),
	} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	work := filepath.Join(dir, "run")
	cmd := exec.CommandContext(t.Context(), plugin, "run", "--task", task, "--config", config, "--dir", work)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var result struct {
		Outputs []struct{ Name, Role string }
		Time    string `json:"work_time"`
	}
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Outputs) != 1 || result.Outputs[0].Name != "final_program_proof.json" || result.Outputs[0].Role != "proof" || result.Time != "3.75s" {
		t.Errorf("%s", out)
	}
	if seen, err := os.ReadFile(filepath.Join(dir, "seen")); err != nil || string(seen) != "01ff\n" {
		t.Errorf("the tool reads %q, %v", seen, err)
	}
	args, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil {
		t.Fatal(err)
	}
	scratch := filepath.Join(work, "attempt-1", "tmp")
	want := []string{"prove", "--bin", "/srv/app.bin", "--input-file", filepath.Join(scratch, "input.hex"), "--output-dir", filepath.Join(scratch, "work"), "--until", "final-proof", "--gpu"}
	if got := strings.Fields(string(args)); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
