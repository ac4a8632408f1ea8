package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/proofline/proofline/sdk/contract"
)

// schemaURL is the name of the plugin's schema inside the schema compiler.
const schemaURL = "plugin:///config"

// noLoader refuses references to other documents, so that the compiler reads neither
// files nor the network.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("the schema refers to %s; a plugin's schema must be complete in itself", url)
}

// checkConfig validates the stage's config block against the manifest's schema and
// makes the paths in the block absolute.
func (s *Stage) checkConfig(m contract.Manifest, paths paths) Findings {
	if len(m.Schema) == 0 {
		return nil
	}
	document, schema, err := compileSchema(m.Schema)
	if err != nil {
		cause, _, _ := strings.Cut(err.Error(), "\n")
		return Findings{s.errorAt("/plugin", fmt.Sprintf("the config schema of %s %s is not usable: %s", m.Name, m.Version, cause), "report it to the plugin's author")}
	}
	config, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.Config))
	if err != nil {
		return Findings{s.errorAt("/config", err.Error(), "")}
	}
	findings := s.resolvePaths(schema, document, config, paths)
	// A value that came from a variable is text. If the schema wants a number or a
	// boolean and the text can be parsed as one, retype replaces it. Each round
	// replaces at least one value, so that there are at most as many rounds as places.
	for range len(s.places) + 1 {
		leaves := violations(schema, config)
		again := false
		for _, leaf := range leaves {
			if retyped, ok := s.retype(leaf, config); ok {
				config, again = retyped, true
			}
		}
		if !again {
			return append(findings, s.describe(leaves, document, config)...)
		}
	}
	return append(findings, s.describe(violations(schema, config), document, config)...)
}

// compileSchema compiles a JSON Schema. It also returns the schema as decoded JSON.
func compileSchema(text json.RawMessage) (document any, schema *jsonschema.Schema, err error) {
	if document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		return nil, nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaURL, document); err != nil {
		return nil, nil, err
	}
	schema, err = c.Compile(schemaURL)
	return document, schema, err
}

// violations returns the innermost errors of a validation. For alternatives (anyOf,
// oneOf) it returns the error of the whole, unless exactly one alternative allows the
// type of the value. Then it returns the errors of that alternative.
func violations(schema *jsonschema.Schema, config any) (leaves []*jsonschema.ValidationError) {
	root, ok := errors.AsType[*jsonschema.ValidationError](schema.Validate(config))
	if !ok {
		return nil
	}
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		switch e.ErrorKind.(type) {
		case *kind.AnyOf, *kind.OneOf:
			fitting := slices.DeleteFunc(slices.Clone(e.Causes), func(c *jsonschema.ValidationError) bool {
				_, wrongType := c.ErrorKind.(*kind.Type)
				return wrongType && slices.Equal(c.InstanceLocation, e.InstanceLocation)
			})
			if len(fitting) != 1 || isFixedValue(fitting[0]) {
				leaves = append(leaves, e)
				return
			}
			walk(fitting[0])
			return
		}
		if len(e.Causes) == 0 {
			leaves = append(leaves, e)
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(root)
	return leaves
}

// isFixedValue reports whether the schema wanted one of certain values.
func isFixedValue(e *jsonschema.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.Const, *kind.Enum:
		return true
	}
	return false
}

// retype replaces the text of a variable in config by the number or boolean that the
// violated schema wants. It returns false if the value did not come from a variable
// or cannot be parsed.
func (s *Stage) retype(e *jsonschema.ValidationError, config any) (any, bool) {
	at := s.places["/config"+pointerOf(e.InstanceLocation)]
	if !at.fromVariable {
		return config, false
	}
	var want []string
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		want = k.Want
	case *kind.AnyOf, *kind.OneOf:
		for _, c := range e.Causes {
			if t, ok := c.ErrorKind.(*kind.Type); ok {
				want = append(want, t.Want...)
			}
		}
	}
	return replace(config, e.InstanceLocation, func(old any) (any, bool) {
		text, ok := old.(string)
		if !ok {
			return old, false
		}
		for _, w := range want {
			switch w {
			case "boolean":
				if text == "true" || text == "false" {
					return text == "true", true
				}
			case "integer", "number":
				var n json.Number
				if err := json.Unmarshal([]byte(text), &n); err == nil && text != "null" && text[0] != '"' {
					return n, true
				}
			}
		}
		return old, false
	})
}

// replace calls change with the value at a location of a JSON value, and puts the
// result in its place if change returns true.
func replace(v any, location []string, change func(any) (any, bool)) (any, bool) {
	if len(location) == 0 {
		return change(v)
	}
	switch v := v.(type) {
	case map[string]any:
		below, ok := replace(v[location[0]], location[1:], change)
		if ok {
			v[location[0]] = below
		}
		return v, ok
	case []any:
		i, err := strconv.Atoi(location[0])
		if err != nil || i < 0 || i >= len(v) {
			return v, false
		}
		below, ok := replace(v[i], location[1:], change)
		if ok {
			v[i] = below
		}
		return v, ok
	}
	return v, false
}
