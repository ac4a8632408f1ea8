package pipeline

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Formats by which a schema marks the texts that are paths.
const (
	formatFile    = "file"
	formatDir     = "dir"
	formatProgram = "program" // a path where it has a slash, else a name that is looked up in $PATH
)

// resolvePaths makes the paths in a stage's config absolute: the texts that the
// schema marks, also behind references and in lists and maps. It changes the given
// value, which is that of s.Config, and s.Config.
func (s *Stage) resolvePaths(schema *jsonschema.Schema, document, config any, paths paths) (findings Findings) {
	w := pathWalker{stage: s, document: document, paths: paths, visited: map[string]bool{}}
	if w.walk(schema, nil, config); w.changed {
		if text, err := json.Marshal(config); err == nil { // it was read from JSON
			s.Config = text
		}
	}
	return w.findings
}

type pathWalker struct {
	stage    *Stage
	document any
	paths    paths
	visited  map[string]bool // by schema and value: a schema may refer to itself
	findings Findings
	changed  bool
}

// walk visits a value with a schema that it has to fit, and returns the value to
// be put in its place.
func (w *pathWalker) walk(schema *jsonschema.Schema, location []string, value any) any {
	if schema == nil || w.visited[schema.Location+" "+join(location)] {
		return value
	}
	w.visited[schema.Location+" "+join(location)] = true
	for _, also := range append([]*jsonschema.Schema{schema.Ref, schema.If, schema.Then, schema.Else}, schema.AllOf...) {
		value = w.walk(also, location, value)
	}
	for _, alternatives := range [][]*jsonschema.Schema{schema.AnyOf, schema.OneOf} {
		for _, one := range alternatives {
			value = w.walk(one, location, value)
		}
	}
	switch v := value.(type) {
	case map[string]any:
		additional, _ := schema.AdditionalProperties.(*jsonschema.Schema)
		for key, below := range v {
			property, known := schema.Properties[key]
			if !known {
				property = additional
			}
			v[key] = w.walk(property, extended(location, key), below)
		}
	case []any:
		items := schema.Items2020
		if items == nil {
			items, _ = schema.Items.(*jsonschema.Schema)
		}
		for i, below := range v {
			of := items
			if i < len(schema.PrefixItems) {
				of = schema.PrefixItems[i]
			}
			v[i] = w.walk(of, extended(location, strconv.Itoa(i)), below)
		}
	case string:
		return w.path(schema, location, v)
	}
	return value
}

func (w *pathWalker) path(schema *jsonschema.Schema, location []string, text string) string {
	switch subschema(w.document, schema.Location)["format"] {
	case formatFile, formatDir:
	case formatProgram:
		if !strings.Contains(text, "/") {
			return text
		}
	default:
		return text
	}
	pointer := "/config" + join(location)
	if text == "" || w.stage.places.near(pointer).unknown {
		return text
	}
	path, bad := w.paths.resolve(text)
	if bad != nil {
		w.findings = append(w.findings, w.stage.errorAt(pointer, bad.summary, bad.remedy))
		return text
	}
	w.changed = w.changed || path != text
	w.stage.Files = append(w.stage.Files, path)
	return path
}

// extended is a location with one more part.
func extended(location []string, part string) []string {
	return append(location[:len(location):len(location)], part)
}
