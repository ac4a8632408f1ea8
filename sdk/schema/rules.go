package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// rules reports a value that violates its bounds, its enum or its format.
func (d *decoder) rules(n *node, r rules, pointer string, value reflect.Value) {
	if c, err := compareBound(n, value, r.min); r.min != "" && err == nil && c < 0 {
		d.report(pointer, "", "%s is less than the minimum of %s", showLength(n, value), r.min)
	}
	if c, err := compareBound(n, value, r.max); r.max != "" && err == nil && c > 0 {
		d.report(pointer, "", "%s is more than the maximum of %s", showLength(n, value), r.max)
	}
	if n.kind == kindString && len(r.enum) > 0 && !slices.Contains(r.enum, value.String()) {
		d.report(pointer, nearestRemedy(value.String(), r.enum), "%s is none of %s", show(value.String()), strings.Join(r.enum, ", "))
	}
	if r.format != "url" {
		return
	}
	switch n.kind {
	case kindString:
		if problem := urlProblem(value.String()); problem != "" {
			d.report(pointer, "write it like https://host:port/path", "%s %s", show(value.String()), problem)
		}
	case kindSecret:
		if problem := urlProblem(value.Interface().(Secret).Reveal()); problem != "" {
			d.report(pointer, "write it like https://host:port/path", "the value (not shown) %s", problem)
		}
	}
}

func urlProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "is not a URL"
	case !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme):
		return "is not an http, https, ws or wss URL"
	case u.Host == "":
		return "is a URL without a host"
	}
	return ""
}

// compareBound compares a value, or the length of a text or collection, with a
// bound in text form. The result is negative if the value is smaller.
func compareBound(n *node, value reflect.Value, bound string) (int, error) {
	switch n.kind {
	case kindInt:
		b, err := strconv.ParseInt(bound, 10, 64)
		return compare(value.Int(), b), err
	case kindUint:
		b, err := strconv.ParseUint(bound, 10, 64)
		return compare(value.Uint(), b), err
	case kindFloat:
		b, err := strconv.ParseFloat(bound, 64)
		return compare(value.Float(), b), err
	case kindDuration:
		b, err := time.ParseDuration(bound)
		return compare(value.Int(), int64(b)), err
	case kindString:
		b, err := strconv.Atoi(bound)
		return compare(utf8.RuneCountInString(value.String()), b), err
	case kindSecret:
		b, err := strconv.Atoi(bound)
		return compare(utf8.RuneCountInString(value.Interface().(Secret).Reveal()), b), err
	case kindList, kindMap:
		b, err := strconv.Atoi(bound)
		return compare(value.Len(), b), err
	}
	return 0, fmt.Errorf("type %v has no order", n.typ)
}

func compare[T int | int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func showLength(n *node, value reflect.Value) string {
	switch n.kind {
	case kindList, kindMap:
		return fmt.Sprintf("the number of elements, %d,", value.Len())
	case kindString:
		return fmt.Sprintf("the length, %d characters,", utf8.RuneCountInString(value.String()))
	case kindSecret:
		return "the length of the value (not shown)"
	}
	return fmt.Sprint(value.Interface())
}

// CheckPaths reports the fields of format file and dir in a decoded config whose path
// does not exist or is of the other kind. Empty paths are not checked.
func (s *Schema) CheckPaths(config any) []contract.Finding {
	value := reflect.Indirect(reflect.ValueOf(config))
	d := &decoder{}
	d.paths(s.root, rules{}, "", value)
	return d.findings
}

func (d *decoder) paths(n *node, r rules, pointer string, value reflect.Value) {
	switch n.kind {
	case kindPointer:
		if !value.IsNil() {
			d.paths(n.elem, r, pointer, value.Elem())
		}
	case kindObject:
		for _, f := range n.fields {
			d.paths(f.node, f.rules, pointer+"/"+escape(f.name), value.FieldByIndex(f.index))
		}
	case kindList:
		for i := range value.Len() {
			d.paths(n.elem, r, pointer+"/"+strconv.Itoa(i), value.Index(i))
		}
	case kindMap:
		for _, key := range slices.SortedFunc(slices.Values(value.MapKeys()), func(a, b reflect.Value) int {
			return strings.Compare(a.String(), b.String())
		}) {
			d.paths(n.elem, r, pointer+"/"+escape(key.String()), value.MapIndex(key))
		}
	case kindString:
		if path := value.String(); path != "" && (r.format == "file" || r.format == "dir") {
			d.path(path, r.format == "dir", pointer)
		}
	}
}

func (d *decoder) path(path string, wantDir bool, pointer string) {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err) && wantDir:
		d.report(pointer, "create it or correct the path", "there is no directory %s", path)
	case os.IsNotExist(err):
		d.report(pointer, "put the file there or correct the path", "there is no file %s", path)
	case err != nil:
		d.report(pointer, "", "%v", err)
	case wantDir && !info.IsDir():
		d.report(pointer, "", "%s is not a directory", path)
	case !wantDir && info.IsDir():
		d.report(pointer, "", "%s is a directory, not a file", path)
	}
}

// Secrets returns the texts of all secrets that are set in a decoded config, so
// that they can be removed from everything that leaves the process.
func (s *Schema) Secrets(config any) []string {
	var out []string
	collectSecrets(s.root, reflect.Indirect(reflect.ValueOf(config)), &out)
	return out
}

func collectSecrets(n *node, value reflect.Value, out *[]string) {
	switch n.kind {
	case kindSecret:
		if s := value.Interface().(Secret); s.IsSet() {
			*out = append(*out, s.Reveal())
		}
	case kindPointer:
		if !value.IsNil() {
			collectSecrets(n.elem, value.Elem(), out)
		}
	case kindObject:
		for _, f := range n.fields {
			collectSecrets(f.node, value.FieldByIndex(f.index), out)
		}
	case kindList:
		for i := range value.Len() {
			collectSecrets(n.elem, value.Index(i), out)
		}
	case kindMap:
		for _, key := range value.MapKeys() {
			collectSecrets(n.elem, value.MapIndex(key), out)
		}
	}
}

// show returns a JSON value for a message, shortened to 60 bytes.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(text.Cut(v, 60))
	case map[string]any:
		return "a map"
	case []any:
		return "a list"
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(value)
}

// escape writes a name as a token of an RFC 6901 pointer.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// suggest returns the remedy for an unknown field: the field with the nearest name, or
// all known fields.
func suggest(name string, fields []*field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	if near := nearestRemedy(name, names); near != "" {
		return near
	}
	if len(names) == 0 {
		return "this plugin has no settings here"
	}
	return "known fields are " + strings.Join(names, ", ")
}

// nearestRemedy asks whether the candidate with the nearest name was meant. It is empty
// if no name is near.
func nearestRemedy(name string, candidates []string) string {
	best, distance := "", max(len(name)/3, 1)+1
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// editDistance returns the number of insertions, deletions, replacements and swaps of
// neighbouring bytes between two names. If a name is longer than 64 bytes it returns 64.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var d [65][65]int
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
