package sdktest

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/files"
)

// Recorded returns the outputs of an attempt in the directory dir as a host records them,
// with the hashes that the plugin has left to it. They can be inputs of another task.
func Recorded(tb testing.TB, dir string, outputs []contract.Artifact) []contract.Artifact {
	tb.Helper()
	recorded := slices.Clone(outputs)
	for i := range recorded {
		a := &recorded[i]
		if a.SHA256 != (contract.Digest{}) {
			continue
		}
		_, sum, err := files.Digest(filepath.Join(dir, filepath.FromSlash(a.Path)))
		if err != nil {
			tb.Fatal(err)
		}
		a.SHA256 = sum
	}
	return recorded
}
