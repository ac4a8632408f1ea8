package prover_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestExamples: nothing is wrong with the examples by themselves.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := newStage(t, nil)
		s.config = map[string]any{}
		if err := yaml.Unmarshal(text, &s.config); err != nil {
			t.Fatal(err)
		}
		if _, findings := s.decode(); len(findings) > 0 {
			t.Errorf("%s: %s", file, findingsText(findings))
		}
	}
}
