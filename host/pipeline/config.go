package pipeline

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Values of the keyword format by which a plugin's schema marks texts that are
// paths.
const (
	formatFile    = "file"
	formatDir     = "dir"
	formatProgram = "program" // a path if it contains a slash, else a name that is looked up in $PATH
)

// resolvePaths makes the paths in a stage's config absolute and collects them in
// s.Files. Paths are the texts that the schema marks, also behind references and in
// lists and maps. config is the decoded s.Config; both are changed.
func (s *Stage) resolvePaths(schema *jsonschema.Schema, document, config any, paths paths) (findings Findings) {
	w := pathWalker{stage: s, document: document, paths: paths, visited: map[string]bool{}}
	if w.walk(schema, nil, config); w.changed {
		if text, err := json.Marshal(config); err == nil { // it was read from JSON
			s.Config = text
		}
	}
	return w.findings
}

// pathWalker walks a config and its schema side by side.
type pathWalker struct {
	stage    *Stage
	document any // the schema as decoded JSON
	paths    paths
	visited  map[string]bool // by schema and value: a schema may refer to itself
	findings Findings
	changed  bool
}

// walk visits the value at a location together with one schema that applies to it.
// It returns the value with its paths resolved.
func (w *pathWalker) walk(schema *jsonschema.Schema, location []string, value any) any {
	if schema == nil || w.visited[schema.Location+" "+pointerOf(location)] {
		return value
	}
	w.visited[schema.Location+" "+pointerOf(location)] = true
	subschemas := slices.Concat([]*jsonschema.Schema{schema.Ref, schema.If, schema.Then, schema.Else}, schema.AllOf, schema.AnyOf, schema.OneOf)
	for _, sub := range subschemas {
		value = w.walk(sub, location, value)
	}
	switch v := value.(type) {
	case map[string]any:
		additional, _ := schema.AdditionalProperties.(*jsonschema.Schema)
		for key, below := range v {
			property, known := schema.Properties[key]
			if !known {
				property = additional
			}
			v[key] = w.walk(property, appendPart(location, key), below)
		}
	case []any:
		items := schema.Items2020
		if items == nil {
			items, _ = schema.Items.(*jsonschema.Schema)
		}
		for i, below := range v {
			item := items
			if i < len(schema.PrefixItems) {
				item = schema.PrefixItems[i]
			}
			v[i] = w.walk(item, appendPart(location, strconv.Itoa(i)), below)
		}
	case string:
		return w.resolve(schema, location, v)
	}
	return value
}

// resolve returns a text as an absolute path if the schema marks it as a path.
func (w *pathWalker) resolve(schema *jsonschema.Schema, location []string, text string) string {
	switch subschema(w.document, schema.Location)["format"] {
	case formatFile, formatDir:
	case formatProgram:
		if !strings.Contains(text, "/") {
			return text
		}
	default:
		return text
	}
	pointer := "/config" + pointerOf(location)
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

// appendPart returns a copy of a location with one more part.
func appendPart(location []string, part string) []string {
	return append(location[:len(location):len(location)], part)
}
