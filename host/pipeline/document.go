package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/sdk/contract"
)

// document is a parsed YAML file with the findings about it so far.
type document struct {
	file     string
	findings Findings
	fromVar  map[*yaml.Node]bool // scalars that hold the content of a variable
	unknown  map[*yaml.Node]bool // scalars without a value, because their variable is not set
	at       map[string]Position // positions of values, by path
	paths    paths
}

// errorAt records an error about a node.
func (d *document) errorAt(n *yaml.Node, path, summary, remedy string) {
	d.findings = append(d.findings, Finding{
		Severity: contract.SeverityError, File: d.file, Position: positionOf(n),
		Path: path, Summary: summary, Remedy: remedy,
	})
}

func positionOf(n *yaml.Node) Position { return Position{Line: n.Line, Column: n.Column} }

// scalarOf reads a scalar node. It returns false if the node is not a scalar, and
// records a finding. It also returns false if the variable of the node is not set;
// the finding for that is recorded by parse.
func (d *document) scalarOf(n *yaml.Node, path, want string) (scalar, bool) {
	n = follow(n)
	if d.unknown[n] {
		return scalar{}, false
	}
	if n.Kind != yaml.ScalarNode {
		d.errorAt(n, path, fmt.Sprintf("want %s, got %s", want, typeName(n.ShortTag())), "")
		return scalar{}, false
	}
	return scalar{text: n.Value, tag: n.ShortTag(), fromVariable: d.fromVar[n]}, true
}

// follow returns the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

// entry is one key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// object is a mapping whose keys are known.
type object struct {
	doc     *document
	path    string // "" for the whole file, else "stages[2].retry"
	node    *yaml.Node
	section Key // the keys that the mapping may have
	entries map[string]entry
	meant   []string // for each unknown key the known one with the nearest name
}

// entriesOf reads the keys of a mapping. Duplicates and keys that are not text are
// recorded as findings and left out.
func (d *document) entriesOf(n *yaml.Node, path string) (list []entry) {
	seen := map[string]Position{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			d.errorAt(key, path, "merge keys (<<) are not supported", "write the keys out")
			continue
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.errorAt(key, path, fmt.Sprintf("a key must be text, got %s", typeName(key.ShortTag())), "put it in quotes")
			continue
		}
		if first, double := seen[key.Value]; double {
			d.errorAt(key, child(path, key.Value), fmt.Sprintf("the key %q is here twice", key.Value),
				fmt.Sprintf("it is already given in line %d; keep one of them", first.Line))
			continue
		}
		seen[key.Value] = positionOf(key)
		list = append(list, entry{key, value})
	}
	return list
}

// object reads a mapping and records unknown keys and absent required keys as
// findings. It records a finding and returns false if the node is not a mapping.
func (d *document) object(n *yaml.Node, path string, section Key) (object, bool) {
	n = follow(n)
	known := section.names()
	o := object{doc: d, path: path, node: n, section: section, entries: map[string]entry{}}
	if n.Kind != yaml.MappingNode {
		if !d.unknown[n] {
			d.errorAt(n, path, fmt.Sprintf("want a mapping, got %s", typeName(n.ShortTag())),
				"its keys are "+strings.Join(known, ", "))
		}
		return o, false
	}
	for _, e := range d.entriesOf(n, path) {
		name := e.key.Value
		if !slices.Contains(known, name) {
			o.meant = append(o.meant, nearest(name, known))
			d.errorAt(e.key, child(path, name), fmt.Sprintf("unknown key %q", name),
				cmp.Or(didYouMean(name, known), "the keys here are "+strings.Join(known, ", ")))
			continue
		}
		o.entries[name] = e
		d.at[child(path, name)] = positionOf(e.value)
	}
	for _, k := range section.Keys {
		if k.Required != "" && o.value(k.Name) == nil && !slices.Contains(o.meant, k.Name) {
			d.errorAt(n, path, fmt.Sprintf("the key %q is missing", k.Name), k.Required)
		}
	}
	return o, true
}

// value returns the value of a key, or nil if the key is absent or null.
func (o object) value(key string) *yaml.Node {
	e, ok := o.entries[key]
	if !ok || follow(e.value).ShortTag() == "!!null" && follow(e.value).Kind == yaml.ScalarNode {
		return nil
	}
	return e.value
}

// below reads the mapping under a key. If there is none it returns an empty mapping,
// so that all keys have their defaults.
func (o object) below(name string) object {
	k, _ := o.section.key(name)
	if n := o.value(name); n != nil {
		if below, ok := o.doc.object(n, child(o.path, name), k); ok {
			return below
		}
	}
	return object{doc: o.doc, path: child(o.path, name), node: o.node, section: k}
}

// given reports whether a key has a value.
func (o object) given(name string) bool { return o.value(name) != nil }

// field parses the scalar under a key. It returns the key's default if the key is
// absent or if its value does not fit. A value that does not fit is a finding.
func field[T any](o object, name string, parse func(scalar, Key) (T, *problem)) T {
	k, _ := o.section.key(name)
	if n := o.value(name); n != nil {
		if v, ok := fieldOf(o.doc, n, child(o.path, name), k, parse); ok {
			return v
		}
	}
	var absent T
	if k.Default != "" { // a test shows that all defaults of the table can be parsed
		absent, _ = parse(scalar{text: k.Default, tag: "!!str", fromVariable: true}, k)
	}
	return absent
}

// optionalField is field for a key whose absence has a meaning: it returns nil then.
func optionalField[T any](o object, name string, parse func(scalar, Key) (T, *problem)) *T {
	k, _ := o.section.key(name)
	n := o.value(name)
	if n == nil {
		return nil
	}
	v, ok := fieldOf(o.doc, n, child(o.path, name), k, parse)
	if !ok {
		return nil
	}
	return &v
}

// fieldOf parses a scalar node as the value of the key k. It records a finding and
// returns false if the value does not fit.
func fieldOf[T any](d *document, n *yaml.Node, path string, k Key, parse func(scalar, Key) (T, *problem)) (v T, ok bool) {
	s, ok := d.scalarOf(n, path, "a "+string(k.Type))
	if !ok {
		return v, false
	}
	v, bad := parse(s, k)
	if bad != nil {
		d.errorAt(n, path, bad.summary, bad.remedy)
		return v, false
	}
	return v, true
}

// listField parses the list of scalars under a key. Entries that do not fit are
// recorded as findings and left out. where has the position of each entry of list.
func listField[T any](o object, name string, parse func(scalar, Key) (T, *problem)) (list []T, where []Position) {
	k, _ := o.section.key(name)
	n := o.value(name)
	if n == nil {
		return nil, nil
	}
	path := child(o.path, name)
	n = follow(n)
	limit, _ := strconv.Atoi(k.Max)
	switch {
	case o.doc.unknown[n]:
		return nil, nil
	case n.Kind != yaml.SequenceNode:
		o.doc.errorAt(n, path, fmt.Sprintf("want a list, got %s", typeName(n.ShortTag())), fmt.Sprintf("write %s: [first, second]", name))
		return nil, nil
	case len(n.Content) > limit:
		o.doc.errorAt(n, path, fmt.Sprintf("has %d entries", len(n.Content)), fmt.Sprintf("at most %d", limit))
		return nil, nil
	}
	for i, item := range n.Content {
		if v, ok := fieldOf(o.doc, item, fmt.Sprintf("%s[%d]", path, i), k, parse); ok {
			list, where = append(list, v), append(where, positionOf(item))
		}
	}
	return list, where
}

// child is the path of a key.
func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
