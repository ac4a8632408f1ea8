package host

import (
	"encoding/json"
	"slices"
	"strings"
)

// withoutSecrets drops what the schema marks as write-only.
func withoutSecrets(schema, config json.RawMessage) json.RawMessage {
	stripped, _, err := divide(schema, config)
	if err != nil {
		return config
	}
	canonical, err := json.Marshal(stripped)
	if err != nil {
		return config
	}
	return canonical
}

// secrets lists the texts that the schema marks as write-only.
func secrets(schema, config json.RawMessage) []string {
	_, found, _ := divide(schema, config)
	return found
}

// divide takes the write-only texts out of a configuration.
func divide(schema, config json.RawMessage) (stripped any, secrets []string, err error) {
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

// schemaNode is the part of a JSON Schema that tells where secrets are.
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

// additional is what a schema says of properties that it does not name: a schema,
// or just whether there may be any.
type additional struct{ schema *schemaNode }

func (a *additional) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return nil
	}
	a.schema = new(schemaNode)
	return json.Unmarshal(text, a.schema)
}

// maxRefs bounds how many references in a row are followed.
const maxRefs = 16

// strip returns the value without its secrets, which it hands to taken. Defs are
// those of the whole document.
func (n schemaNode) strip(defs map[string]schemaNode, value any, taken func(secret any)) any {
	for range maxRefs {
		name, ok := strings.CutPrefix(n.Ref, "#/$defs/")
		if !ok {
			break
		}
		n = defs[name]
	}
	for _, part := range slices.Concat(n.AllOf, n.OneOf, n.AnyOf) {
		value = part.strip(defs, value, taken)
	}
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			if rule, known := n.Properties[name]; known {
				v[name] = rule.strip(defs, field, taken)
			} else if n.Additional.schema != nil {
				v[name] = n.Additional.schema.strip(defs, field, taken)
			}
		}
	case []any:
		if n.Items != nil {
			for i := range v {
				v[i] = n.Items.strip(defs, v[i], taken)
			}
		}
	default:
		if n.WriteOnly {
			taken(v)
			return nil
		}
	}
	return value
}
