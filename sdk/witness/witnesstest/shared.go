// Package witnesstest finds the recorded blocks and witnesses that tests read. The
// answers of a geth for a chain of its own are part of the repository. The recordings of
// public chains are not; they lie in a folder of shared test data.
package witnesstest

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// Shared returns the path of an entry below the folder of shared test data. That folder
// is the one in the environment variable PROOFLINE_SHARED, or else the folder "shared"
// beside the module's root. If the entry does not exist the test is skipped.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	path, err := Find(elem...)
	if err != nil {
		t.Skipf("no shared test data: %v (set PROOFLINE_SHARED to the folder that holds it)", err)
	}
	return path
}

// Find returns the same path as Shared, for a test that can go on without the data. The
// error wraps fs.ErrNotExist if the entry does not exist.
func Find(elem ...string) (string, error) {
	root := os.Getenv("PROOFLINE_SHARED")
	if root == "" {
		module, err := moduleRoot()
		if err != nil {
			return "", err
		}
		root = filepath.Join(filepath.Dir(module), "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	_, err := os.Stat(path)
	return path, err
}

// Geth returns the folder of a block, number 1 to 19, that geth v1.17.8 has served for a
// chain of its own with Osaka from genesis on. It holds block.json.gz and
// witness.json.gz; the chain.json of all blocks lies one folder above.
func Geth(t testing.TB, number int) string {
	t.Helper()
	module, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(module, "plugins", "builder-ethrex", "testdata", "geth-osaka", strconv.Itoa(number))
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// moduleRoot returns the folder of the go.mod above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
	}
}
