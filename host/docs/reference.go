package docs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/proofline/proofline/host/pipeline"
	"github.com/proofline/proofline/sdk/contract"
)

// Reference returns the page "reference". It lists every key of a pipeline file and of
// the config block of every plugin. The page is made from the table and the schemas with
// which proofline checks a file.
func Reference(plugins []contract.Manifest) (string, error) {
	var b strings.Builder
	b.WriteString("# Configuration reference\n\n" +
		"This page is generated from what checks a file: `proofline explain KEY` shows a key, `proofline plugins describe PLUGIN` a plugin.\n\n" +
		"`${NAME}` in a value is a variable of the environment, `${NAME:-default}` one that may be absent.\n\n## The pipeline file\n\n" +
		"| key | type | default | meaning |\n|---|---|---|---|\n")
	writeKeys(&b, pipeline.Reference(), "")
	slices.SortFunc(plugins, func(a, b contract.Manifest) int {
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.Name, b.Name))
	})
	for _, m := range plugins {
		var s schema
		if err := json.Unmarshal(m.Schema, &s); err != nil {
			return "", fmt.Errorf("schema of %s: %w", m.Name, err)
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s: %s\n\n", m.Name, m.Kind, m.Summary)
		if len(s.Properties) == 0 {
			b.WriteString("It has no keys of its own.\n")
			continue
		}
		b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
		s.write(&b, s.Defs, "", 0)
	}
	return b.String(), nil
}

func kindOrder(k contract.Kind) int { return slices.Index(contract.Kinds(), k) }

func writeKeys(b *strings.Builder, section pipeline.Key, path string) {
	for _, k := range section.Keys {
		at := strings.TrimPrefix(path+"."+k.Name, ".")
		fallback := k.DefaultText()
		if k.Required != "" {
			fallback = "required"
		}
		writeRow(b, at, k.TypeText(), fallback, k.Meaning)
		writeKeys(b, k, at)
	}
}

// schema is the part of a JSON Schema that the page shows.
type schema struct {
	Ref         string            `json:"$ref"`
	Defs        map[string]schema `json:"$defs"`
	Type        any               `json:"type"`
	Description string            `json:"description"`
	Default     any               `json:"default"`
	Enum        []any             `json:"enum"`
	Format      string            `json:"format"`
	WriteOnly   bool              `json:"writeOnly"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
	Items       *schema           `json:"items"`
}

// maxDepth limits the levels of a schema that refers to itself.
const maxDepth = 6

// write writes a line for each property of an object and of the objects below it.
func (s schema) write(b *strings.Builder, defs map[string]schema, path string, depth int) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name].resolve(defs)
		at := strings.TrimPrefix(path+"."+name, ".")
		fallback := ""
		if p.Default != nil && p.Default != "" {
			text, _ := json.Marshal(p.Default)
			fallback = strings.Trim(string(text), `"`)
		}
		if slices.Contains(s.Required, name) {
			fallback = "required"
		}
		writeRow(b, at, p.typeText(defs), fallback, p.Description)
		below := p
		if p.Items != nil {
			below = p.Items.resolve(defs)
			at += "[]"
		}
		if depth < maxDepth {
			below.write(b, defs, at, depth+1)
		}
	}
}

// resolve returns the schema to which a reference refers, with the description of the
// reference if it has one. It returns a schema without reference unchanged.
func (s schema) resolve(defs map[string]schema) schema {
	name, ok := strings.CutPrefix(s.Ref, "#/$defs/")
	if !ok {
		return s
	}
	target := defs[name]
	target.Description = cmp.Or(s.Description, target.Description)
	return target
}

// typeText returns the type of a value as text.
func (s schema) typeText(defs map[string]schema) string {
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			if text := fmt.Sprint(v); text != "" {
				values = append(values, text)
			}
		}
		return "one of " + strings.Join(values, ", ")
	}
	kind, _ := s.Type.(string)
	if kinds, ok := s.Type.([]any); ok && len(kinds) > 0 { // the further types allow a text with a variable
		kind = fmt.Sprint(kinds[0])
	}
	switch {
	case s.WriteOnly:
		return "secret"
	case kind == "string" && s.Format != "":
		return s.Format
	case kind == "array" && s.Items != nil:
		if item := s.Items.resolve(defs).typeText(defs); item != "" {
			return "list of " + item
		}
		return "list"
	}
	return map[string]string{"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "object": "section"}[kind]
}

// writeRow writes one line of a table.
func writeRow(b *strings.Builder, cells ...string) {
	for i, cell := range cells {
		cell = strings.ReplaceAll(strings.Join(strings.Fields(cell), " "), "|", `\|`)
		if i == 0 {
			cell = "`" + cell + "`"
		}
		b.WriteString("| " + cell + " ")
	}
	b.WriteString("|\n")
}
