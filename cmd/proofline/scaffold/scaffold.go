// Package scaffold writes the project of a new plugin from templates. Without any change
// the project builds, passes the conformance suite and runs in a pipeline.
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

// The languages with templates.
const (
	Go     = "go"
	Python = "python"
)

// Project describes the project to write.
type Project struct {
	Kind     contract.Kind
	Name     string // of the plugin
	Language string // Go or Python
	Module   string // Go module path
	// Version is the release of the SDK that a Go plugin requires, with "v". SDK is the
	// absolute path of a checkout that replaces it, or empty.
	Version, SDK string
	GoVersion    string // for the go line of go.mod: "1.26.0"
	Proofline    string // the command by which the project's Makefile calls proofline
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Validate returns an error if the project cannot be written.
func (p Project) Validate() error {
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

// templateData is the data of the templates.
type templateData struct {
	Project
	Go, Dir            string
	Config, ConfigYAML string // a configuration with which work succeeds
	Slow               string // a configuration with which work takes long
}

// Files returns the contents of the project's files by slash-separated path. The file
// plugin/NAME, if there is one, is executable.
func (p Project) Files() (map[string][]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	v := templateData{Project: p, Go: p.GoVersion, Dir: "bin", Config: `{}`, ConfigYAML: "{}", Slow: `{"delay":"1h"}`}
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

// render renders the templates of a directory into files. If only is not empty, it renders
// just the template of that file.
func (v templateData) render(files map[string][]byte, dir, only string) error {
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
