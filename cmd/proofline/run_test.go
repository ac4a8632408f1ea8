package main

import (
	"os"
	"strings"
	"testing"
)

func TestRunRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PROOFLINE_PLUGIN_PATH", "")
	text := "version: 1\nname: x\nstages:\n  - {name: source, plugin: source-nowhere}\n"
	if err := os.WriteFile("pipeline.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := execute(t, "run")
	if code != exitConfig || !strings.Contains(stderr, `pipeline.yaml:4:28: error: stages[0].plugin: plugin "source-nowhere" not found`) {
		t.Errorf("an unknown plugin: %d %s", code, stderr)
	}
	for line, want := range map[string]string{
		"run --blocks 0": "at least 1", "run --blocks -3": "at least 1", "run a b": "one pipeline file", "run gone.yaml": "no such file",
	} {
		if code, _, stderr := execute(t, strings.Fields(line)...); code != exitConfig || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d %s", line, code, stderr)
		}
	}
	if _, err := os.Stat("data"); err == nil {
		t.Error("a refused run leaves a data directory")
	}
}
