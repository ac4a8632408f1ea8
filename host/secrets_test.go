package host

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestSecretsOfAConfiguration checks that every write-only text is found.
func TestSecretsOfAConfiguration(t *testing.T) {
	schema := `{"properties":{"url":{"type":"string"},"key":{"writeOnly":true},
		"list":{"items":{"oneOf":[{"writeOnly":true,"type":"string"},{"properties":{"token":{"writeOnly":true}}}]}},
		"headers":{"additionalProperties":{"writeOnly":true}}}}`
	config := `{"url":"http://x","key":"k1","list":["k2",{"token":"k3","name":"n"}],"headers":{"A":"k4","B":"k1"}}`
	found := secrets([]byte(schema), []byte(config))
	slices.Sort(found)
	if !slices.Equal(found, []string{"k1", "k2", "k3", "k4"}) {
		t.Errorf("secrets %q", found)
	}
	rest := string(withoutSecrets([]byte(schema), []byte(config)))
	if strings.Contains(rest, "k") && strings.ContainsAny(rest, "1234") || !strings.Contains(rest, "http://x") || !strings.Contains(rest, `"name":"n"`) {
		t.Errorf("without secrets: %s", rest)
	}
	if found := secrets([]byte("{"), []byte(config)); found != nil {
		t.Errorf("an unreadable schema: %q", found)
	}
}

// TestSecretsBehindReferences checks schemas in which writeOnly stands behind $ref, allOf and
// nested additionalProperties, as in a schema that the SDK has not made.
func TestSecretsBehindReferences(t *testing.T) {
	schema := json.RawMessage(`{
		"$defs": {"key": {"$ref": "#/$defs/raw"}, "raw": {"type": "string", "writeOnly": true}, "loop": {"$ref": "#/$defs/loop"}},
		"properties": {"direct": {"$ref": "#/$defs/key"}, "loop": {"$ref": "#/$defs/loop"}, "both": {"allOf": [{"$ref": "#/$defs/raw"}]}},
		"additionalProperties": {"additionalProperties": {"properties": {"token": {"$ref": "#/$defs/raw"}}}}
	}`)
	config := json.RawMessage(`{"direct": "one", "loop": "shown", "both": "two", "nodes": {"a": {"token": "three", "url": "shown"}}}`)
	found := secrets(schema, config)
	slices.Sort(found)
	if want := []string{"one", "three", "two"}; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}
