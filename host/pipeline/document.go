package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/sdk/contract"
)

// document is a parsed YAML file with its findings so far.
type document struct {
	file     string
	findings Findings
	fromVar  map[*yaml.Node]bool // scalars that hold the content of a variable
	unknown  map[*yaml.Node]bool // scalars whose variable is not set
}

// errorAt records an error about a node.
func (d *document) errorAt(n *yaml.Node, path, summary, remedy string) {
	d.findings = append(d.findings, Finding{
		Severity: contract.SeverityError, File: d.file, Position: positionOf(n),
		Path: path, Summary: summary, Remedy: remedy,
	})
}

func (d *document) warnAt(n *yaml.Node, path, summary, remedy string) {
	d.errorAt(n, path, summary, remedy)
	d.findings[len(d.findings)-1].Severity = contract.SeverityWarning
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
	entries map[string]entry
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

// object reads a mapping and records keys that are not known. It answers false,
// after recording why, when the node is no mapping.
func (d *document) object(n *yaml.Node, path string, known ...string) (object, bool) {
	n = follow(n)
	o := object{doc: d, path: path, node: n, entries: map[string]entry{}}
	if n.Kind != yaml.MappingNode {
		if !d.unknown[n] {
			d.errorAt(n, path, fmt.Sprintf("want a mapping, got %s", typeName(n.ShortTag())),
				"its keys are "+strings.Join(known, ", "))
		}
		return o, false
	}
	for _, e := range d.entriesOf(n, path) {
		if !slices.Contains(known, e.key.Value) {
			d.errorAt(e.key, child(path, e.key.Value), fmt.Sprintf("unknown key %q", e.key.Value),
				cmp.Or(didYouMean(e.key.Value, known), "the keys here are "+strings.Join(known, ", ")))
			continue
		}
		o.entries[e.key.Value] = e
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

// section reads the mapping under a key; false where there is none.
func (o object) section(key string, known ...string) (object, bool) {
	n := o.value(key)
	if n == nil {
		return object{}, false
	}
	return o.doc.object(n, child(o.path, key), known...)
}

// require records the absence of a key.
func (o object) require(key, remedy string) {
	if o.value(key) == nil {
		o.doc.errorAt(o.node, o.path, fmt.Sprintf("the key %q is missing", key), remedy)
	}
}

// read parses the scalar under a key. The target keeps its value, the default,
// where the key is absent or its value does not fit, which is recorded.
func read[T any](o object, key, want string, parse func(scalar) (T, *problem), into *T) (given bool) {
	n := o.value(key)
	if n == nil {
		return false
	}
	return readNode(o.doc, n, child(o.path, key), want, parse, into)
}

func readNode[T any](d *document, n *yaml.Node, path, want string, parse func(scalar) (T, *problem), into *T) bool {
	s, ok := d.scalarOf(n, path, want)
	if !ok {
		return false
	}
	v, bad := parse(s)
	if bad != nil {
		d.errorAt(n, path, bad.summary, bad.remedy)
		return false
	}
	*into = v
	return true
}

// readList parses a list of scalars under a key.
func readList[T any](o object, key, want string, limit int, parse func(scalar) (T, *problem)) (list []T) {
	n := o.value(key)
	if n == nil {
		return nil
	}
	path := child(o.path, key)
	n = follow(n)
	switch {
	case o.doc.unknown[n]:
		return nil
	case n.Kind != yaml.SequenceNode:
		o.doc.errorAt(n, path, fmt.Sprintf("want a list, got %s", typeName(n.ShortTag())), fmt.Sprintf("write %s: [first, second]", key))
		return nil
	case len(n.Content) > limit:
		o.doc.errorAt(n, path, fmt.Sprintf("has %d entries", len(n.Content)), fmt.Sprintf("at most %d", limit))
		return nil
	}
	for i, item := range n.Content {
		var v T
		if readNode(o.doc, item, fmt.Sprintf("%s[%d]", path, i), want, parse, &v) {
			list = append(list, v)
		}
	}
	return list
}

// child is the path of a key.
func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
