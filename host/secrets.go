package host

import (
	"encoding/json"
	"slices"
	"strings"
)

// withoutSecrets returns a configuration without the values that its schema marks as
// write-only. It returns the configuration unchanged when one of the two is no JSON.
func withoutSecrets(schema, config json.RawMessage) json.RawMessage {
	stripped, _, err := splitSecrets(schema, config)
	if err != nil {
		return config
	}
	canonical, err := json.Marshal(stripped)
	if err != nil {
		return config
	}
	return canonical
}

// secrets returns the texts in a configuration that its schema marks as write-only.
func secrets(schema, config json.RawMessage) []string {
	_, found, _ := splitSecrets(schema, config)
	return found
}

// splitSecrets returns a configuration without its write-only values, and the texts among
// these values.
func splitSecrets(schema, config json.RawMessage) (stripped any, secrets []string, err error) {
	var rules schemaNode
	var value any
	if err := json.Unmarshal(schema, &rules); err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(config, &value); err != nil {
		return nil, nil, err
	}
	stripped = rules.strip(rules.Defs, value, func(secret any) {
		if text, ok := secret.(string); ok && text != "" && !slices.Contains(secrets, text) {
			secrets = append(secrets, text)
		}
	})
	return stripped, secrets, nil
}

// schemaNode is the part of a JSON Schema that determines where secrets are.
type schemaNode struct {
	Ref        string                `json:"$ref"` // into $defs of the same document
	Defs       map[string]schemaNode `json:"$defs"`
	WriteOnly  bool                  `json:"writeOnly"`
	Properties map[string]schemaNode `json:"properties"`
	Additional additional            `json:"additionalProperties"`
	Items      *schemaNode           `json:"items"`
	AllOf      []schemaNode          `json:"allOf"`
	OneOf      []schemaNode          `json:"oneOf"`
	AnyOf      []schemaNode          `json:"anyOf"`
}

// additional is the value of additionalProperties: a schema, or a boolean, for which
// schema is nil.
type additional struct{ schema *schemaNode }

func (a *additional) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return nil
	}
	a.schema = new(schemaNode)
	return json.Unmarshal(text, a.schema)
}

// maxRefs is the largest number of consecutive references that are followed.
const maxRefs = 16

// strip returns the value without its secrets and calls found for each of them. defs are
// the $defs of the document.
func (n schemaNode) strip(defs map[string]schemaNode, value any, found func(secret any)) any {
	for range maxRefs {
		name, ok := strings.CutPrefix(n.Ref, "#/$defs/")
		if !ok {
			break
		}
		n = defs[name]
	}
	for _, part := range slices.Concat(n.AllOf, n.OneOf, n.AnyOf) {
		value = part.strip(defs, value, found)
	}
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			if rule, known := n.Properties[name]; known {
				v[name] = rule.strip(defs, field, found)
			} else if n.Additional.schema != nil {
				v[name] = n.Additional.schema.strip(defs, field, found)
			}
		}
	case []any:
		if n.Items != nil {
			for i := range v {
				v[i] = n.Items.strip(defs, v[i], found)
			}
		}
	default:
		if n.WriteOnly {
			found(v)
			return nil
		}
	}
	return value
}
