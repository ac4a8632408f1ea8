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

// document is a parsed YAML file with its findings so far.
type document struct {
	file     string
	findings Findings
	fromVar  map[*yaml.Node]bool // scalars that hold the content of a variable
	unknown  map[*yaml.Node]bool // scalars of which nothing can be said: the variable is not set
	at       map[string]Position // of values, by path
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

// scalarOf reads a scalar node. It answers false, after recording why, when the
// node is none, and silently when its variable is not set, which is recorded
// already.
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
	section Key // what is known of the keys
	entries map[string]entry
	meant   []string // keys that an unknown one seems to stand for
}

// entriesOf reads the keys of a mapping; duplicates and keys that are not text
// are recorded and left out.
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

// object reads a mapping and records keys that are not known, and required ones
// that are absent. It answers false, after recording why, when the node is no
// mapping.
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

// value returns the value of a key; nil where it is absent or null.
func (o object) value(key string) *yaml.Node {
	e, ok := o.entries[key]
	if !ok || follow(e.value).ShortTag() == "!!null" && follow(e.value).Kind == yaml.ScalarNode {
		return nil
	}
	return e.value
}

// below reads the mapping under a key. Where there is none the answer is an empty
// one, whose keys have their defaults.
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

// field parses the scalar under a key. The answer is the key's default where the
// key is absent or its value does not fit, which is recorded.
func field[T any](o object, name string, parse func(scalar, Key) (T, *problem)) T {
	k, _ := o.section.key(name)
	if n := o.value(name); n != nil {
		if v, ok := fieldOf(o.doc, n, child(o.path, name), k, parse); ok {
			return v
		}
	}
	var absent T
	if k.Default != "" { // it is right, as the table's test shows
		absent, _ = parse(scalar{text: k.Default, tag: "!!str", fromVariable: true}, k)
	}
	return absent
}

// optional is field for keys whose absence means something of its own: nil.
func optional[T any](o object, name string, parse func(scalar, Key) (T, *problem)) *T {
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

// listed parses the list of scalars under a key. Entries that do not fit are
// recorded and left out; where tells the place of each that is left.
func listed[T any](o object, name string, parse func(scalar, Key) (T, *problem)) (list []T, where []Position) {
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
