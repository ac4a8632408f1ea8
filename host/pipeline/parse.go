package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/proofline/proofline/sdk/contract"
)

// Limits of a pipeline file. They are far above any sensible file and keep a
// hostile one (aliases of aliases) from filling the memory.
const (
	maxFile  = 1 << 20 // bytes
	maxDepth = 64      // levels of nesting
	maxNodes = 100_000 // values; an alias counts as the values that it stands for
)

// parse reads YAML text and replaces the variables in its scalars. If the text is
// not usable YAML, the returned node is nil and the document holds the findings.
func parse(file string, text []byte, lookup Lookup) (*document, *yaml.Node) {
	d := &document{
		file: file, fromVar: map[*yaml.Node]bool{}, unknown: map[*yaml.Node]bool{},
		at: map[string]Position{}, paths: newPaths(file, lookup),
	}
	fail := func(at Position, summary, remedy string) (*document, *yaml.Node) {
		d.findings = append(d.findings, Finding{Severity: contract.SeverityError, File: file, Position: at, Summary: summary, Remedy: remedy})
		return d, nil
	}
	if len(text) > maxFile {
		return fail(Position{}, fmt.Sprintf("the file is larger than %d KiB", maxFile>>10), "a pipeline file has a few dozen lines; is this the right file?")
	}
	if !utf8.Valid(text) {
		return fail(invalidAt(text), "the file is no UTF-8 text", "save the file as UTF-8; is this the right file?")
	}

	if at, c := controlAt(text); c >= 0 {
		name := fmt.Sprintf("the control character U+%04X", c)
		if c == 0 {
			name = "a NUL byte"
		}
		return fail(at, "there is "+name, "remove it; is this the right file?")
	}

	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return fail(Position{}, err.Error(), "")
	}
	var root yaml.Node
	switch err := loader.Load(&root); {
	case errors.Is(err, io.EOF):
		return fail(Position{}, "the file is empty", "proofline init writes a pipeline file to begin with")
	case err != nil:
		at, summary, remedy := syntaxError(text, err)
		return fail(at, summary, remedy)
	}
	var second yaml.Node
	if err := loader.Load(&second); err == nil {
		return fail(positionOf(&second), "the file holds more than one document", "remove the line --- and what follows, or make it a file of its own")
	} else if !errors.Is(err, io.EOF) {
		at, summary, remedy := syntaxError(text, err)
		return fail(at, summary, remedy)
	}

	top := &root
	if top.Kind == yaml.DocumentNode && len(top.Content) == 1 {
		top = top.Content[0]
	}
	left := maxNodes
	if n := oversized(top, maxDepth, &left); n != nil {
		return fail(positionOf(n), "the file is nested too deeply or has too many values", "check the aliases (*name) for one that contains itself")
	}
	d.replaceVariables(top, "", lookup)
	return d, top
}

// oversized returns the node at which a tree exceeds the limits, or nil if it does
// not. Aliases count as the values that they stand for. depth is the number of
// levels, and left the number of values, that are still allowed.
func oversized(n *yaml.Node, depth int, left *int) *yaml.Node {
	if *left--; *left < 0 || depth == 0 {
		return n
	}
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return oversized(n.Alias, depth-1, left)
	}
	for _, c := range n.Content {
		if bad := oversized(c, depth-1, left); bad != nil {
			return bad
		}
	}
	return nil
}

// replaceVariables replaces the variables of every scalar value below a node. It
// skips aliases, because the value of an alias is replaced where it is written.
func (d *document) replaceVariables(n *yaml.Node, path string, lookup Lookup) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			d.replaceVariables(n.Content[i], child(path, n.Content[i-1].Value), lookup)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			d.replaceVariables(c, fmt.Sprintf("%s[%d]", path, i), lookup)
		}
	case yaml.ScalarNode:
		if n.ShortTag() != "!!str" || !strings.Contains(n.Value, "${") {
			return
		}
		value, replaced, problems := expand(n.Value, lookup)
		for _, p := range problems {
			d.errorAt(n, path, p.summary, p.remedy)
		}
		d.fromVar[n], d.unknown[n] = replaced, len(problems) > 0
		n.Value = value
	}
}
