package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/proofline/proofline/sdk/contract"
)

// draft is the version of JSON Schema that editors and this package use.
const draft = "https://json-schema.org/draft/2020-12/schema"

// variablePattern matches a text with a variable. An editor does not know the value
// of the variable, so the schema allows such a text wherever it allows a scalar.
const variablePattern = `\$\{`

// JSONSchema returns the JSON Schema of a whole pipeline file with the config blocks
// of the given plugins. It is made from the same table of keys as the reader. Editors
// complete and check a pipeline file with it. proofline validate finds more, because
// it knows the variables and the machine.
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
		// Other names are allowed, because a plugin may be installed on another machine.
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

// jsonSchema returns the schema of a key's value.
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

// valueSchema returns the schema of one value, which is an entry if the key is a list.
func (k Key) valueSchema() map[string]any {
	scalar := func(types ...any) map[string]any {
		return map[string]any{"anyOf": []any{map[string]any{"type": types}, map[string]any{"type": "string", "pattern": variablePattern}}}
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
		values := []any{}
		for _, w := range k.Words {
			values = append(values, w)
		}
		return map[string]any{"anyOf": []any{map[string]any{"enum": values}, map[string]any{"type": "string", "pattern": variablePattern}}}
	case TypeEdge, TypeUser:
		return map[string]any{"type": []any{"integer", "string", "null"}}
	case TypeDuration:
		// 0 is the one duration without a unit.
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"const": 0}}}
	}
	return map[string]any{"type": []any{"string", "null"}}
}

// withVariables returns a schema that allows a variable or an empty value wherever
// the given one wants a scalar.
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

// orVariable returns a schema that allows what the given one allows, a variable and
// null. It returns schemas of mappings and lists unchanged.
func orVariable(schema map[string]any) map[string]any {
	types, _ := schema["type"].([]any)
	if t, ok := schema["type"].(string); ok {
		types = []any{t}
	}
	if len(types) == 0 || slices.Contains(types, "object") || slices.Contains(types, "array") {
		return schema
	}
	out := map[string]any{"anyOf": []any{schema, map[string]any{"type": "string", "pattern": variablePattern}, map[string]any{"type": "null"}}}
	for _, annotation := range []string{"description", "default"} { // where editors look for them
		if value, ok := schema[annotation]; ok {
			out[annotation] = value
			delete(schema, annotation)
		}
	}
	return out
}
