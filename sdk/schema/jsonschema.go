package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// document holds the keywords of JSON Schema 2020-12 that this package writes, in the
// order in which they are written.
type document struct {
	Schema      string      `json:"$schema,omitempty"`
	Type        any         `json:"type,omitempty"`
	Description string      `json:"description,omitempty"`
	Default     any         `json:"default,omitempty"`
	Enum        []string    `json:"enum,omitempty"`
	Format      string      `json:"format,omitempty"`
	Pattern     string      `json:"pattern,omitempty"`
	Minimum     json.Number `json:"minimum,omitempty"`
	Maximum     json.Number `json:"maximum,omitempty"`
	MinLength   json.Number `json:"minLength,omitempty"`
	MaxLength   json.Number `json:"maxLength,omitempty"`
	MinItems    json.Number `json:"minItems,omitempty"`
	MaxItems    json.Number `json:"maxItems,omitempty"`
	MinProps    json.Number `json:"minProperties,omitempty"`
	MaxProps    json.Number `json:"maxProperties,omitempty"`
	WriteOnly   bool        `json:"writeOnly,omitempty"`
	Items       *document   `json:"items,omitempty"`
	Properties  properties  `json:"properties,omitempty"`
	Required    []string    `json:"required,omitempty"`
	Additional  any         `json:"additionalProperties,omitempty"` // false or *document
}

// properties keeps the order of the struct's fields.
type properties []property

type property struct {
	name string
	doc  *document
}

// MarshalJSON writes an object with the properties in their order.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, member := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(member.name)
		if err != nil {
			return nil, err
		}
		doc, err := json.Marshal(member.doc)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(doc)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func marshalSchema(root *node) (json.RawMessage, error) {
	doc := documentOf(root)
	doc.Schema = "https://json-schema.org/draft/2020-12/schema"
	if doc.Properties == nil {
		doc.Properties = properties{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("config schema: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// Patterns of the text forms that the value of a variable may have. All of them accept
// the empty string, which counts as not set.
const (
	patternBool     = `^(true|false)?$`
	patternInt      = `^(-?[0-9]+)?$`
	patternUint     = `^[0-9]*$`
	patternFloat    = `^(-?[0-9.]+([eE][-+]?[0-9]+)?)?$`
	patternDuration = `^([-+]?([0-9.]+(ns|us|µs|ms|s|m|h))+|0)?$`
)

func documentOf(n *node) *document {
	switch n.kind {
	case kindBool:
		return &document{Type: []string{"boolean", "string"}, Pattern: patternBool}
	case kindInt:
		return &document{Type: []string{"integer", "string"}, Pattern: patternInt}
	case kindUint:
		return &document{Type: []string{"integer", "string"}, Pattern: patternUint, Minimum: "0"}
	case kindFloat:
		return &document{Type: []string{"number", "string"}, Pattern: patternFloat}
	case kindString, kindText:
		return &document{Type: "string"}
	case kindDuration:
		return &document{Type: "string", Pattern: patternDuration}
	case kindSecret:
		return &document{Type: "string", WriteOnly: true}
	case kindPointer:
		return documentOf(n.elem)
	case kindList:
		return &document{Type: "array", Items: documentOf(n.elem)}
	case kindMap:
		return &document{Type: "object", Additional: documentOf(n.elem)}
	case kindObject:
		doc := &document{Type: "object", Additional: false}
		for _, f := range n.fields {
			doc.Properties = append(doc.Properties, property{f.name, f.document()})
			if f.mustAppear() {
				doc.Required = append(doc.Required, f.name)
			}
		}
		return doc
	}
	return &document{}
}

// mustAppear reports whether the field is required, or is a struct with a required field.
func (f *field) mustAppear() bool {
	return f.required || f.node.kind == kindObject && slices.ContainsFunc(f.node.fields, (*field).mustAppear)
}

func (f *field) document() *document {
	doc := documentOf(f.node)
	doc.Description = f.doc
	n := f.node
	for n.kind == kindPointer {
		n = n.elem
	}
	element := doc
	switch n.kind {
	case kindList:
		element = doc.Items
		doc.MinItems, doc.MaxItems = json.Number(f.rules.min), json.Number(f.rules.max)
	case kindMap:
		element = doc.Additional.(*document)
		doc.MinProps, doc.MaxProps = json.Number(f.rules.min), json.Number(f.rules.max)
	case kindString, kindSecret:
		if f.required { // otherwise the empty text is valid too, because it counts as not set
			doc.MinLength = json.Number(f.rules.min)
		}
		doc.MaxLength = json.Number(f.rules.max)
	case kindInt, kindUint, kindFloat:
		if f.rules.min != "" {
			doc.Minimum = json.Number(f.rules.min)
		}
		doc.Maximum = json.Number(f.rules.max)
	case kindDuration:
		doc.Description = strings.TrimSpace(doc.Description + durationBounds(f.rules))
	}
	element.Enum = f.rules.enum
	if len(f.rules.enum) > 0 && !f.required {
		element.Enum = append(element.Enum[:len(element.Enum):len(element.Enum)], "")
	}
	element.Format = f.rules.format
	if f.rules.format == "url" {
		element.Format = "uri"
	}
	if f.required && (n.kind == kindString || n.kind == kindSecret) && doc.MinLength == "" {
		doc.MinLength = "1"
	}
	doc.Default = f.defaultJSON(n)
	return doc
}

func durationBounds(r rules) string {
	switch {
	case r.min != "" && r.max != "":
		return fmt.Sprintf(" Between %s and %s.", r.min, r.max)
	case r.min != "":
		return fmt.Sprintf(" At least %s.", r.min)
	case r.max != "":
		return fmt.Sprintf(" At most %s.", r.max)
	}
	return ""
}

// defaultJSON returns the default as the JSON value that a reader expects.
func (f *field) defaultJSON(n *node) any {
	if f.def == "" {
		return nil
	}
	switch n.kind {
	case kindBool:
		b, _ := strconv.ParseBool(f.def)
		return b
	case kindInt, kindUint, kindFloat:
		return json.Number(f.def)
	case kindList:
		value := reflect.New(f.node.typ).Elem()
		f.setDefault(value, "")
		return value.Interface()
	}
	return f.def
}
