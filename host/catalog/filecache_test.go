package catalog

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
)

// TestExamineSeesEveryChange checks that a file is read again when it was written, has
// grown, or was replaced.
func TestExamineSeesEveryChange(t *testing.T) {
	before := minAge
	minAge = -1
	defer func() { minAge = before }()
	path := filepath.Join(t.TempDir(), "prover-x")
	change := map[string]func(text string) error{
		"written":  func(text string) error { return os.WriteFile(path, []byte(text), 0o700) },
		"replaced": func(text string) error { return putInPlace(path, text) },
	}
	for _, step := range []struct{ how, text string }{
		{"written", "one"}, {"written", "one more"}, {"replaced", "other one"}, {"replaced", "third one"},
	} {
		if err := change[step.how](step.text); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if f, err := examine(path, false); err != nil || f.sum != sha256.Sum256([]byte(step.text)) {
				t.Errorf("%s with %q: %x, %v", step.how, step.text, f.sum, err)
			}
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := examine(path, false); err == nil {
		t.Error("a file that is gone is known")
	}
}

func putInPlace(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o700); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
