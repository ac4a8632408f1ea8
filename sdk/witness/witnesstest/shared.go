// Package witnesstest finds the recorded blocks and witnesses that tests read.
// They belong to others and are not part of the repository.
package witnesstest

import (
	"os"
	"path/filepath"
	"testing"
)

// Shared returns the path of an entry below the folder of shared test data: the
// one that PROOFLINE_SHARED names, else the folder "shared" beside the module's
// root. Where it is absent the test is skipped.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("PROOFLINE_SHARED")
	if root == "" {
		root = filepath.Join(filepath.Dir(moduleRoot(t)), "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared test data: %v (set PROOFLINE_SHARED to the folder that holds it)", err)
	}
	return path
}

// moduleRoot returns the folder of the go.mod above the working directory.
func moduleRoot(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
	}
}
