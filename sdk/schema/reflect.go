package schema

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is the way in which a Go type is read.
type kind int

const (
	kindBool kind = iota
	kindInt
	kindUint
	kindFloat
	kindString
	kindDuration
	kindSecret
	kindText // encoding.TextUnmarshaler
	kindRaw  // json.Unmarshaler, any, json.RawMessage
	kindList
	kindMap
	kindObject
	kindPointer
)

// node describes a Go type.
type node struct {
	kind   kind
	typ    reflect.Type
	elem   *node    // the element of a list, map or pointer
	fields []*field // the fields of an object
}

// field describes a struct field: a node and the rules of its tags.
type field struct {
	name     string
	index    []int
	node     *node
	doc      string
	required bool
	def      string // text form; empty for none
	rules    rules
}

// rules are the bounds of a value. For a list, enum and format apply to its elements, and
// min and max to their number.
type rules struct {
	min, max string
	enum     []string
	format   string
}

var (
	typeSecret   = reflect.TypeFor[Secret]()
	typeDuration = reflect.TypeFor[Duration]()
	typeStd      = reflect.TypeFor[time.Duration]()
	typeRaw      = reflect.TypeFor[json.RawMessage]()
	typeText     = reflect.TypeFor[encoding.TextUnmarshaler]()
	typeJSON     = reflect.TypeFor[json.Unmarshaler]()
)

// describe returns the node of a type. The path holds the types that contain it.
func describe(t reflect.Type, path []reflect.Type) (*node, error) {
	n := &node{typ: t}
	switch {
	case t == typeSecret:
		n.kind = kindSecret
		return n, nil
	case t == typeDuration:
		n.kind = kindDuration
		return n, nil
	case t == typeStd:
		return nil, fmt.Errorf("%v: use schema.Duration, which reads \"5s\"", t)
	case t == typeRaw, t.Kind() == reflect.Interface && t.NumMethod() == 0:
		n.kind = kindRaw
		return n, nil
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(typeText):
		n.kind = kindText
		return n, nil
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(typeJSON):
		n.kind = kindRaw
		return n, nil
	}
	if slices.Contains(path, t) {
		return nil, fmt.Errorf("%v contains itself", t)
	}
	path = append(slices.Clone(path), t)
	var err error
	switch t.Kind() {
	case reflect.Bool:
		n.kind = kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.kind = kindInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n.kind = kindUint
	case reflect.Float32, reflect.Float64:
		n.kind = kindFloat
	case reflect.String:
		n.kind = kindString
	case reflect.Pointer:
		n.kind = kindPointer
		n.elem, err = describe(t.Elem(), path)
	case reflect.Slice:
		n.kind = kindList
		n.elem, err = describe(t.Elem(), path)
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("%v: the keys of a map must be strings", t)
		}
		n.kind = kindMap
		n.elem, err = describe(t.Elem(), path)
	case reflect.Struct:
		n.kind = kindObject
		n.fields, err = fieldsOf(t, path)
	default:
		return nil, fmt.Errorf("type %v cannot be configured", t)
	}
	return n, err
}

func fieldsOf(t reflect.Type, path []reflect.Type) (out []*field, err error) {
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		if sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct {
			inner, err := fieldsOf(sf.Type, append(slices.Clone(path), sf.Type))
			if err != nil {
				return nil, err
			}
			for _, f := range inner {
				f.index = append([]int{i}, f.index...)
				out = append(out, f)
			}
			continue
		}
		if !sf.IsExported() {
			continue
		}
		f, err := newField(sf, name, path)
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", t, sf.Name, err)
		}
		f.index = []int{i}
		out = append(out, f)
	}
	seen := map[string]bool{}
	for _, f := range out {
		if seen[f.name] {
			return nil, fmt.Errorf("%v: two fields named %q", t, f.name)
		}
		seen[f.name] = true
	}
	return out, nil
}

func newField(sf reflect.StructField, name string, path []reflect.Type) (*field, error) {
	if name == "" {
		name = sf.Name
	}
	n, err := describe(sf.Type, path)
	if err != nil {
		return nil, err
	}
	f := &field{name: name, node: n, doc: sf.Tag.Get("doc"), def: sf.Tag.Get("default"),
		rules: rules{min: sf.Tag.Get("min"), max: sf.Tag.Get("max"), format: sf.Tag.Get("format")}}
	if enum := sf.Tag.Get("enum"); enum != "" {
		f.rules.enum = strings.Split(enum, ",")
	}
	if required := sf.Tag.Get("required"); required != "" {
		if f.required, err = strconv.ParseBool(required); err != nil {
			return nil, fmt.Errorf("tag required:%q is neither true nor false", required)
		}
	}
	return f, f.check()
}

// check reports tags that contradict each other or the type.
func (f *field) check() error {
	n := f.node
	for n.kind == kindPointer {
		n = n.elem
	}
	element := n
	if n.kind == kindList || n.kind == kindMap {
		element = n.elem
	}
	switch {
	case f.required && f.def != "":
		return fmt.Errorf("required and default exclude each other")
	case len(f.rules.enum) > 0 && element.kind != kindString:
		return fmt.Errorf("enum is for strings")
	case f.rules.format != "" && element.kind != kindString && element.kind != kindSecret:
		return fmt.Errorf("format is for strings")
	case !slices.Contains([]string{"", "url", "file", "dir"}, f.rules.format):
		return fmt.Errorf("unknown format %q, known are url, file and dir", f.rules.format)
	}
	for _, bound := range []string{f.rules.min, f.rules.max} {
		if bound == "" {
			continue
		}
		if _, err := compareBound(n, reflect.Zero(n.typ), bound); err != nil {
			return fmt.Errorf("bound %q: %w", bound, err)
		}
	}
	if f.def == "" {
		return nil
	}
	probe := reflect.New(f.node.typ).Elem()
	if findings := f.setDefault(probe, ""); len(findings) > 0 {
		return fmt.Errorf("default %q: %s", f.def, findings[0].Summary)
	}
	return nil
}
