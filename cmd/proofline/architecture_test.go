package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/proofline/proofline"

// rule forbids packages to import others. All are import paths; one that ends in "/..."
// means the packages below it, too.
type rule struct {
	why    string
	from   []string
	except []string
	never  []string
	direct bool // only the imports of the package itself count, not indirect ones
}

// evm are the packages by which a binary links go-ethereum's EVM.
var evm = []string{"github.com/ethereum/go-ethereum/core/vm/...", "github.com/ethereum/go-ethereum/core/state/..."}

var rules = []rule{
	{why: "a plugin author gets the SDK without the host",
		from: []string{module + "/sdk/...", module + "/plugins/..."}, never: []string{module + "/host/...", module + "/cmd/..."}},
	{why: "the host knows plugins only through the protocol",
		from: []string{module + "/host/...", module + "/cmd/..."}, never: []string{module + "/plugins/..."}},
	{why: "the engine is logic over small interfaces",
		from: []string{module + "/host/engine"}, never: []string{"github.com/hashicorp/go-plugin/...", "go.etcd.io/bbolt/..."}},
	{why: "generated types are translated at the edge",
		from: []string{module + "/..."}, except: []string{module + "/sdk/...", module + "/host/launch/...", module + "/cmd/proofline/e2e/hostile"},
		never: []string{module + "/sdk/proto/proofline/..."}, direct: true},
	{why: "the host links no EVM", from: []string{module + "/host/...", module + "/cmd/..."}, never: evm},
	{why: "reporters link no EVM",
		from: []string{module + "/plugins/reporter-ethproofs/...", module + "/plugins/reporter-notify/...", module + "/plugins/reporter-archive"}, never: evm},
	{why: "ZisK provers link no EVM",
		from:   []string{module + "/plugins/prover-zisk/...", module + "/plugins/prover-zisk-cluster/..."},
		except: []string{module + "/plugins/prover-zisk/zisktest/...", module + "/plugins/prover-zisk-cluster/coordinatortest"}, never: evm},
	{why: "the SDK's witness reader links no EVM", from: []string{module + "/sdk/..."}, never: evm},
}

// goPackage is the output of go list for a package.
type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func TestImportRules(t *testing.T) {
	noticeSources(t)
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for d := json.NewDecoder(out); ; seen++ {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			if !within(p.ImportPath, r.from) || within(p.ImportPath, r.except) {
				continue
			}
			deps := p.Deps
			if r.direct {
				deps = p.Imports
			}
			for _, dep := range deps {
				if within(dep, r.never) {
					t.Errorf("%s must not depend on %s: %s", p.ImportPath, dep, r.why)
				}
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if seen < 10 {
		t.Errorf("go list knows only %d packages", seen)
	}
}

func within(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		tree, isTree := strings.CutSuffix(pattern, "/...")
		return path == tree || isTree && strings.HasPrefix(path, tree+"/")
	})
}

// noticeSources reads the state of every Go file of the repository, so that the go command
// does not use a cached result of this test after any change.
func noticeSources(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"cmd", "host", "plugins", "sdk"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTopLevel: the repository has four folders at its top level, and no unexpected files.
func TestTopLevel(t *testing.T) {
	allowed := []string{"cmd", "host", "plugins", "sdk", "go.mod", "go.sum", "Makefile", "pipeline.yaml", "README.md", "LICENSE"}
	notTracked := []string{"bin", "data", "output", "coverage.out"} // .gitignore
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(allowed, name) || slices.Contains(notTracked, name) ||
			strings.HasSuffix(name, ".test") || strings.HasSuffix(name, ".prof") {
			continue
		}
		t.Errorf("%s does not belong at the top level", name)
	}
}
