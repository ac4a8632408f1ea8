package host

import (
	"encoding/json"
	"slices"
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
	stripped = rules.strip(value, func(secret any) {
		if text, ok := secret.(string); ok && text != "" && !slices.Contains(secrets, text) {
			secrets = append(secrets, text)
		}
	})
	return stripped, secrets, nil
}

// schemaNode is the part of a JSON Schema that tells where secrets are.
type schemaNode struct {
	WriteOnly  bool                  `json:"writeOnly"`
	Properties map[string]schemaNode `json:"properties"`
	Additional any                   `json:"additionalProperties"`
	Items      *schemaNode           `json:"items"`
	OneOf      []schemaNode          `json:"oneOf"`
	AnyOf      []schemaNode          `json:"anyOf"`
}

// strip returns the value without its secrets, which it hands to taken.
func (n schemaNode) strip(value any, taken func(secret any)) any {
	for _, alternative := range slices.Concat(n.OneOf, n.AnyOf) {
		value = alternative.strip(value, taken)
	}
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			rule, known := n.Properties[name]
			if more, ok := n.Additional.(map[string]any); !known && ok {
				rule.WriteOnly = more["writeOnly"] == true
			}
			v[name] = rule.strip(field, taken)
		}
	case []any:
		if n.Items != nil {
			for i := range v {
				v[i] = n.Items.strip(v[i], taken)
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
