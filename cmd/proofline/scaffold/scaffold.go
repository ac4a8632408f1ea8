// Package scaffold writes the project of a new plugin: one that builds, passes the
// conformance suite and runs in a pipeline as it is.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/proofline/proofline/sdk/contract"
	pythonprover "github.com/proofline/proofline/sdk/examples/python-prover"
	"github.com/proofline/proofline/sdk/proto"
)

//go:embed templates
var templates embed.FS

// Languages that there are templates for.
const (
	Go     = "go"
	Python = "python"
)

// Project is what to write.
type Project struct {
	Kind     contract.Kind
	Name     string // of the plugin
	Language string // Go or Python
	Module   string // Go module path
	// Version is the release of the SDK that a Go plugin requires, with "v"; SDK is
	// a checkout that stands in for it, absolute, or empty.
	Version, SDK string
	GoVersion    string // of the go line: "1.26.0"
	Proofline    string // how the project's Makefile calls proofline
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Check reports what cannot be written.
func (p Project) Check() error {
	switch {
	case !slices.Contains(contract.Kinds(), p.Kind):
		return fmt.Errorf("there is no kind of plugin %q: the kinds are source, builder, prover and reporter", p.Kind)
	case !nameForm.MatchString(p.Name) || len(p.Name) > 64:
		return fmt.Errorf("%q is no name of a plugin: want lower-case words with hyphens, for example %s-mine", p.Name, p.Kind)
	case p.Language != Go && p.Language != Python:
		return fmt.Errorf("there is no template in %q: the languages are %s and %s", p.Language, Go, Python)
	case p.Language == Python && p.Kind != contract.KindProver:
		return fmt.Errorf("the Python template is a prover; sdk/docs/PROTOCOL.md says what a %s serves instead", p.Kind)
	}
	return nil
}

// values are what templates see.
type values struct {
	Project
	Go, Dir            string
	Config, ConfigYAML string // with which work succeeds
	Slow               string // with which it takes long
}

// Files renders the project: contents by slash-separated path. Executable files are
// those below plugin/ without an ending.
func (p Project) Files() (map[string][]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	v := values{Project: p, Go: p.GoVersion, Dir: "bin", Config: `{}`, ConfigYAML: "{}", Slow: `{"delay":"1h"}`}
	if p.Kind == contract.KindProver {
		v.Slow = `{"tool":"sh","args":["-c","echo working; sleep 1000"]}`
	}
	files := map[string][]byte{}
	dirs := []string{"go", "go-" + string(p.Kind)}
	if p.Language == Python {
		v.Dir, dirs = "plugin", []string{"python"}
	}
	for _, dir := range dirs {
		if err := v.render(files, path.Join("templates", dir), ""); err != nil {
			return nil, err
		}
	}
	if p.Language == Python {
		if err := v.render(files, "templates/go", "pipeline.yaml"); err != nil {
			return nil, err
		}
		files["plugin/"+p.Name] = bytes.ReplaceAll(pythonprover.Source, []byte(pythonprover.Name), []byte(p.Name))
		err := fs.WalkDir(proto.Files, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files["plugin/proto/"+name], err = proto.Files.ReadFile(name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// render renders the templates of a directory, or the one that makes the file only.
func (v values) render(files map[string][]byte, dir, only string) error {
	entries, err := templates.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".tmpl")
		if only != "" && name != only {
			continue
		}
		text, err := templates.ReadFile(path.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		t, err := template.New(e.Name()).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, v); err != nil {
			return err
		}
		if name == "gitignore" {
			name = ".gitignore"
		}
		files[name] = out.Bytes()
	}
	return nil
}

// Write writes the project into a directory, which must be absent or empty.
func (p Project) Write(dir string) error {
	files, err := p.Files()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return contract.Environment(fmt.Errorf("%s is not empty", dir), "name another folder with --dir")
	}
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if name == "plugin/"+p.Name {
			mode = 0o755
		}
		if err := os.WriteFile(file, content, mode); err != nil {
			return err
		}
	}
	return nil
}
