package pipeline

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// Reference returns the description of the whole pipeline file. Its Keys are the keys
// of the file, each with the keys below it.
func Reference() Key { return reference }

// indexes matches the list indexes of a path that was copied from a finding.
var indexes = regexp.MustCompile(`\[\d*\]|\.\d+`)

// Lookup finds a key below this one by its path, such as "stages.retry.max". List
// indexes in the path ("stages[2].retry.max") are ignored. The end of a path is
// enough if only one key has it. The empty path is the key itself. full is the whole
// path of the key. The error for an unknown path suggests a near one.
func (k Key) Lookup(path string) (found Key, full string, err error) {
	path = strings.Trim(indexes.ReplaceAllString(path, ""), ".")
	if path == "" {
		return k, "", nil
	}
	var paths, ends []string
	all := map[string]Key{}
	k.walk("", func(path string, k Key) {
		all[path] = k
		paths = append(paths, path)
	})
	if found, ok := all[path]; ok {
		return found, path, nil
	}
	if strings.HasPrefix(path, "stages.config.") {
		return Key{}, "", fmt.Errorf("what is in config is up to the plugin: proofline plugins describe PLUGIN prints it")
	}
	for _, p := range paths {
		if strings.HasSuffix(p, "."+path) {
			ends = append(ends, p)
		}
	}
	switch len(ends) {
	case 1:
		return all[ends[0]], ends[0], nil
	case 0:
		hint := didYouMean(path, paths)
		if last := nearest(path[strings.LastIndexByte(path, '.')+1:], lastNames(paths)); hint == "" && last != "" {
			i := slices.IndexFunc(paths, func(p string) bool { return p == last || strings.HasSuffix(p, "."+last) })
			hint = fmt.Sprintf("did you mean %q?", paths[i])
		}
		return Key{}, "", fmt.Errorf("a pipeline file has no key %q; %s", path, cmp.Or(hint, "its keys are "+strings.Join(k.names(), ", ")))
	}
	return Key{}, "", fmt.Errorf("%q is the end of several keys: %s", path, strings.Join(ends, ", "))
}

// walk calls visit for every key below this one, with the key's path.
func (k Key) walk(path string, visit func(path string, k Key)) {
	for _, below := range k.Keys {
		at := child(path, below.Name)
		visit(at, below)
		below.walk(at, visit)
	}
}

// lastNames returns the last name of each path.
func lastNames(paths []string) []string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = p[strings.LastIndexByte(p, '.')+1:]
	}
	return names
}

// Write prints the description of the key at the given path: type, bounds, default,
// meaning and the keys below it.
func (k Key) Write(w io.Writer, path string) error {
	var b strings.Builder
	if path != "" {
		fmt.Fprintf(&b, "KEY:      %s\n", path)
		fmt.Fprintf(&b, "TYPE:     %s\n", k.TypeText())
		if text := k.DefaultText(); text != "" {
			fmt.Fprintf(&b, "DEFAULT:  %s\n", text)
		}
		b.WriteByte('\n')
	}
	b.WriteString(wrapText(k.Meaning, 80, ""))
	if k.Example != "" {
		b.WriteString("\nEXAMPLE:\n")
		for line := range strings.SplitSeq(k.Example, "\n") {
			b.WriteString("  " + line + "\n")
		}
	}
	if len(k.Keys) > 0 {
		b.WriteString("\nKEYS:\n")
		k.writeKeys(&b, "  ")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (k Key) writeKeys(b *strings.Builder, indent string) {
	for _, below := range k.Keys {
		fmt.Fprintf(b, "%s%s  <%s>", indent, below.Name, below.TypeText())
		if text := below.DefaultText(); text != "" && below.Required == "" {
			fmt.Fprintf(b, "  default %s", text)
		}
		if below.Required != "" {
			b.WriteString("  required")
		}
		b.WriteByte('\n')
		if len(below.Keys) > 0 {
			below.writeKeys(b, indent+"  ")
			continue
		}
		first, _, _ := strings.Cut(below.Meaning, ". ")
		b.WriteString(wrapText(strings.TrimSuffix(first, ".")+".", 80, indent+"    "))
	}
}

// TypeText returns the type with its bounds as text.
func (k Key) TypeText() string {
	text := string(k.Type)
	if len(k.Words) > 0 {
		text = "one of " + strings.Join(k.Words, ", ")
	}
	switch {
	case k.List:
		text = "list: " + text
		if k.Max != "" {
			text += ", at most " + k.Max
		}
	case k.Type == TypeSample:
	case k.Min != "" && k.Max != "":
		text += fmt.Sprintf(", from %s to %s", k.Min, k.Max)
	case k.Min != "":
		text += ", at least " + k.Min
	}
	if k.Zero != "" {
		text += ", 0s for " + k.Zero
	}
	return text
}

// DefaultText returns the default as text; empty if there is none.
func (k Key) DefaultText() string {
	switch {
	case k.DefaultOf != "":
		return "that of " + k.DefaultOf
	case len(k.ByKind) > 0:
		kinds := map[string][]string{}
		for _, kind := range contract.Kinds() {
			kinds[k.ByKind[kind]] = append(kinds[k.ByKind[kind]], string(kind))
		}
		var parts []string
		for _, value := range slices.SortedFunc(maps.Keys(kinds), func(a, b string) int { return strings.Compare(kinds[a][0], kinds[b][0]) }) {
			parts = append(parts, fmt.Sprintf("%s (%s)", value, strings.Join(kinds[value], ", ")))
		}
		return strings.Join(parts, ", ")
	}
	return k.Default
}

// wrapText breaks a text into indented lines of at most width bytes.
func wrapText(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	b.WriteByte('\n')
	return b.String()
}
