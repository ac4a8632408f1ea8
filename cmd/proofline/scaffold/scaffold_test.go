package scaffold

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

func project(kind contract.Kind, language string) Project {
	return Project{Kind: kind, Name: string(kind) + "-mine", Language: language, Module: "example.org/mine",
		Version: "v0.1.0", SDK: "/src/proofline", GoVersion: "1.26.0", Proofline: "proofline"}
}

// TestFiles: every template renders, and the Go among them is formatted.
func TestFiles(t *testing.T) {
	for _, kind := range contract.Kinds() {
		files, err := project(kind, Go).Files()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"go.mod", "main.go", "main_test.go", "Makefile", "pipeline.yaml", "README.md", ".gitignore", "config.yaml"} {
			if len(files[name]) == 0 {
				t.Errorf("%s: no %s among %d files", kind, name, len(files))
			}
		}
		for name, text := range files {
			if strings.Contains(string(text), "{{") && !strings.HasSuffix(name, ".yaml") || strings.Contains(string(text), "<no value>") {
				t.Errorf("%s: %s holds a placeholder:\n%s", kind, name, text)
			}
			if strings.HasSuffix(name, ".go") {
				if formatted, err := format.Source(text); err != nil || string(formatted) != string(text) {
					t.Errorf("%s: gofmt would change %s: %v", kind, name, err)
				}
			}
		}
	}
	p := project(contract.KindProver, Go)
	if p.SDK = ""; strings.Contains(string(must(t, p)["go.mod"]), "replace") {
		t.Error("without a checkout there is a replace line")
	}
}

func must(t *testing.T, p Project) map[string][]byte {
	t.Helper()
	files, err := p.Files()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestPythonFiles: the plugin lies beside the protocol's files, under its own name.
func TestPythonFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	if err := project(contract.KindProver, Python).Write(dir); err != nil {
		t.Fatal(err)
	}
	plugin := filepath.Join(dir, "plugin", "prover-mine")
	info, err := os.Stat(plugin)
	if err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("%v, %v", info, err)
	}
	if text, _ := os.ReadFile(plugin); !strings.Contains(string(text), `NAME, VERSION = "prover-mine"`) || strings.Contains(string(text), "prover-python") {
		t.Error("the plugin has another name")
	}
	if protos, _ := filepath.Glob(filepath.Join(dir, "plugin/proto/proofline/plugin/v1/*.proto")); len(protos) != 3 {
		t.Errorf("protocol files: %v", protos)
	}
	if err := project(contract.KindProver, Python).Write(dir); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a second time: %v", err)
	}
}

// TestReadme: the README prints the plugin that "new plugin" writes, which another
// test builds, tests and runs.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```go\n")
	snippet, _, _ := strings.Cut(rest, "```")
	if want := string(must(t, project(contract.KindProver, Go))["main.go"]); snippet != want {
		t.Errorf("the README's snippet is not the template's main.go:\n%s\nwant\n%s", snippet, want)
	}
}
