package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/proofline/proofline/sdk/contract"
)

// draft is the dialect of JSON Schema that editors and this package use.
const draft = "https://json-schema.org/draft/2020-12/schema"

// variable is the form of a text that holds a variable: what it stands for is not
// known to an editor, so that it fits wherever a scalar does.
const variable = `\$\{`

// JSONSchema returns the JSON Schema of a whole pipeline file, from the same table as
// the reader of the file, with the config blocks of the given plugins. An editor that
// knows it completes and checks the file; proofline validate says more, since it
// knows the variables and the machine.
func JSONSchema(plugins []contract.Manifest) ([]byte, error) {
	plugins = slices.Clone(plugins)
	slices.SortFunc(plugins, func(a, b contract.Manifest) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	root := reference.jsonSchema()
	defs, names := map[string]any{}, []any{}
	var rules []any
	for _, m := range plugins {
		var config map[string]any
		decoder := json.NewDecoder(bytes.NewReader(m.Schema))
		decoder.UseNumber()
		if err := decoder.Decode(&config); err != nil {
			return nil, fmt.Errorf("plugin %s: config schema: %w", m.Name, err)
		}
		delete(config, "$schema")
		def := "config-" + m.Name
		defs[def] = withVariables(config)
		then := map[string]any{"properties": map[string]any{"config": map[string]any{"$ref": "#/$defs/" + def}}}
		if required, ok := config["required"].([]any); ok && len(required) > 0 {
			then["required"] = []any{"config"}
		}
		rules = append(rules, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"plugin": map[string]any{"const": m.Name}}, "required": []any{"plugin"}},
			"then": then,
		})
		names = append(names, m.Name)
	}
	stage := root["properties"].(map[string]any)["stages"].(map[string]any)["items"].(map[string]any)
	if len(rules) > 0 {
		stage["allOf"] = rules
		plugin := stage["properties"].(map[string]any)["plugin"].(map[string]any)
		delete(plugin, "type")
		// Other names are no errors here: the plugin may be installed elsewhere.
		plugin["anyOf"] = []any{map[string]any{"enum": names}, map[string]any{"type": "string"}}
	}
	root["$schema"], root["title"], root["$defs"] = draft, "proofline pipeline", defs
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(root)
	return out.Bytes(), err
}

// jsonSchema is the schema of a key's value.
func (k Key) jsonSchema() map[string]any {
	value := k.valueSchema()
	if k.List {
		value = map[string]any{"type": "array", "items": value}
	}
	if k.Meaning != "" {
		value["description"] = k.Meaning
	}
	return value
}

func (k Key) valueSchema() map[string]any {
	scalar := func(types ...any) map[string]any {
		return map[string]any{"anyOf": []any{map[string]any{"type": types}, map[string]any{"type": "string", "pattern": variable}}}
	}
	switch k.Type {
	case TypeSection:
		properties, required := map[string]any{}, []any{}
		for _, below := range k.Keys {
			properties[below.Name] = below.jsonSchema()
			if below.Required != "" {
				required = append(required, below.Name)
			}
		}
		out := map[string]any{"type": []any{"object", "null"}, "properties": properties, "additionalProperties": false}
		if len(required) > 0 {
			out["type"], out["required"] = "object", required
		}
		return out
	case TypeConfig:
		return map[string]any{"type": []any{"object", "null"}}
	case TypeNumber, TypeBlock:
		return scalar("integer", "null")
	case TypeBoolean:
		return scalar("boolean", "null")
	case TypeWord:
		words := []any{}
		for _, w := range k.Words {
			words = append(words, w)
		}
		return map[string]any{"anyOf": []any{map[string]any{"enum": words}, map[string]any{"type": "string", "pattern": variable}}}
	case TypeEdge, TypeUser:
		return map[string]any{"type": []any{"integer", "string", "null"}}
	case TypeDuration:
		// 0 is the one duration without a unit.
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"const": 0}}}
	}
	return map[string]any{"type": []any{"string", "null"}}
}

// withVariables lets a variable stand wherever a schema wants a scalar, and an empty
// value wherever it wants anything.
func withVariables(schema map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range schema {
		switch v := value.(type) {
		case map[string]any:
			if key == "properties" || key == "$defs" {
				below := map[string]any{}
				for name, s := range v {
					below[name] = s
					if s, ok := s.(map[string]any); ok {
						below[name] = orVariable(withVariables(s))
					}
				}
				out[key] = below
				continue
			}
			out[key] = orVariable(withVariables(v))
		default:
			out[key] = value
		}
	}
	return out
}

func orVariable(schema map[string]any) map[string]any {
	types, _ := schema["type"].([]any)
	if t, ok := schema["type"].(string); ok {
		types = []any{t}
	}
	if len(types) == 0 || slices.Contains(types, "object") || slices.Contains(types, "array") {
		return schema
	}
	out := map[string]any{"anyOf": []any{schema, map[string]any{"type": "string", "pattern": variable}, map[string]any{"type": "null"}}}
	for _, annotation := range []string{"description", "default"} { // where editors look for them
		if value, ok := schema[annotation]; ok {
			out[annotation] = value
			delete(schema, annotation)
		}
	}
	return out
}
