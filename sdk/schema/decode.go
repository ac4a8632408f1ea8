package schema

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// Schema describes one config struct. It is immutable and safe for concurrent use.
type Schema struct {
	root *node
	json json.RawMessage
}

// For describes the struct type C. It fails if C is not a struct, has a field of an
// unsupported type, or has tags that contradict each other or the type. These are mistakes
// of the plugin's author, which show at every start.
func For[C any]() (*Schema, error) {
	t := reflect.TypeFor[C]()
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("config type %v is not a struct", t)
	}
	root, err := describe(t, nil)
	if err != nil {
		return nil, fmt.Errorf("config type: %w", err)
	}
	doc, err := marshalSchema(root)
	if err != nil {
		return nil, err
	}
	return &Schema{root: root, json: doc}, nil
}

// JSON returns the JSON Schema, indented, the same at every call.
func (s *Schema) JSON() json.RawMessage { return slices.Clone(s.json) }

// Decode reads a config block, fills in defaults and returns every finding, all of
// severity error. The target must be a pointer to a zero value of the struct that the
// schema was made for; another type panics. Empty data and null count as {}. A finding
// never contains a secret.
func (s *Schema) Decode(data []byte, target any) []contract.Finding {
	into := reflect.ValueOf(target).Elem()
	if into.Type() != s.root.typ {
		panic(fmt.Sprintf("schema: decode %v into %v", s.root.typ, into.Type()))
	}
	value, err := parse(data)
	if err != nil {
		return []contract.Finding{{Severity: contract.SeverityError, Summary: "the config block is not JSON: " + err.Error()}}
	}
	if value == nil {
		value = map[string]any{}
	}
	d := &decoder{}
	d.value(s.root, rules{}, value, "", into)
	return d.findings
}

// unknownField begins the summary of a finding about an unknown field.
const unknownField = "unknown field "

// Complete reports whether Decode has found nothing but unknown fields, so that the
// target holds every known field and can be judged further.
func Complete(findings []contract.Finding) bool {
	return !slices.ContainsFunc(findings, func(f contract.Finding) bool { return !strings.HasPrefix(f.Summary, unknownField) })
}

func parse(data []byte) (value any, err error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return nil, errors.New(position(err))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one value")
	}
	return value, nil
}

// position returns the text of a JSON error. A syntax error is given by its position
// alone, because the text around it may be a secret.
func position(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("syntax error at byte %d", syntax.Offset)
	}
	return err.Error()
}

type decoder struct{ findings []contract.Finding }

func (d *decoder) report(pointer, remedy, format string, args ...any) {
	d.findings = append(d.findings, contract.Finding{Severity: contract.SeverityError,
		Pointer: pointer, Summary: fmt.Sprintf(format, args...), Remedy: remedy})
}

// value reads one JSON value, which is set: it is not null and, for scalars, not empty.
func (d *decoder) value(n *node, r rules, value any, pointer string, into reflect.Value) {
	switch n.kind {
	case kindPointer:
		target := reflect.New(n.elem.typ)
		d.value(n.elem, r, value, pointer, target.Elem())
		into.Set(target)
	case kindObject:
		if m, ok := value.(map[string]any); ok {
			d.object(n, m, pointer, into)
		} else {
			d.report(pointer, "", "want a map, got %s", show(value))
		}
	case kindMap:
		if m, ok := value.(map[string]any); ok {
			d.dict(n, r, m, pointer, into)
		} else {
			d.report(pointer, "", "want a map, got %s", show(value))
		}
	case kindList:
		if l, ok := value.([]any); ok {
			d.list(n, r, l, pointer, into)
		} else {
			d.report(pointer, "write it as a list, even with one element", "want a list, got %s", show(value))
		}
	case kindRaw:
		data, err := json.Marshal(value)
		if err == nil {
			err = json.Unmarshal(data, into.Addr().Interface())
		}
		if err != nil {
			d.report(pointer, "", "%v", err)
		}
	default:
		if err := setScalar(n, value, into); err != nil {
			d.report(pointer, "", "%v", err)
			return
		}
		d.rules(n, r, pointer, into)
	}
}

func (d *decoder) object(n *node, m map[string]any, pointer string, into reflect.Value) {
	known := make(map[string]bool, len(n.fields))
	for _, f := range n.fields {
		known[f.name] = true
		at := pointer + "/" + escape(f.name)
		target := into.FieldByIndex(f.index)
		if value, ok := m[f.name]; ok && !isUnset(f.node, value) {
			d.value(f.node, f.rules, value, at, target)
			continue
		}
		switch {
		case f.required:
			d.report(at, f.doc, "required field %q is not set", f.name)
		case f.def != "":
			d.findings = append(d.findings, f.setDefault(target, at)...)
		case f.node.kind == kindObject:
			d.object(f.node, nil, at, target)
		}
	}
	for _, name := range sortedKeys(m) {
		if !known[name] {
			d.report(pointer+"/"+escape(name), suggest(name, n.fields), unknownField+"%q", name)
		}
	}
}

func (d *decoder) dict(n *node, r rules, m map[string]any, pointer string, into reflect.Value) {
	out := reflect.MakeMapWithSize(n.typ, len(m))
	for _, key := range sortedKeys(m) {
		at := pointer + "/" + escape(key)
		elem := reflect.New(n.elem.typ).Elem()
		if m[key] != nil {
			d.value(n.elem, rules{enum: r.enum, format: r.format}, m[key], at, elem)
		}
		out.SetMapIndex(reflect.ValueOf(key).Convert(n.typ.Key()), elem)
	}
	into.Set(out)
	d.rules(n, rules{min: r.min, max: r.max}, pointer, into)
}

// list reads a list. It leaves out empty elements, because an absent variable becomes one.
func (d *decoder) list(n *node, r rules, l []any, pointer string, into reflect.Value) {
	out := reflect.MakeSlice(n.typ, 0, len(l))
	for i, value := range l {
		if isUnset(n.elem, value) {
			continue
		}
		elem := reflect.New(n.elem.typ).Elem()
		d.value(n.elem, rules{enum: r.enum, format: r.format}, value, pointer+"/"+strconv.Itoa(i), elem)
		out = reflect.Append(out, elem)
	}
	into.Set(out)
	d.rules(n, rules{min: r.min, max: r.max}, pointer, into)
}

// setDefault sets the target to the default, which it reads from the text in the tag.
func (f *field) setDefault(target reflect.Value, pointer string) []contract.Finding {
	n := f.node
	for n.kind == kindPointer {
		n = n.elem
	}
	d := &decoder{}
	if n.kind != kindList {
		d.value(f.node, f.rules, f.def, pointer, target)
		return d.findings
	}
	var list []any
	for part := range strings.SplitSeq(f.def, ",") {
		list = append(list, part)
	}
	d.value(f.node, f.rules, list, pointer, target)
	return d.findings
}

// isUnset reports whether a value counts as not set: null, or an empty text where the
// field does not take arbitrary JSON.
func isUnset(n *node, value any) bool {
	if value == nil {
		return true
	}
	text, ok := value.(string)
	return ok && text == "" && n.kind != kindRaw
}

// setScalar reads a bool, number or text.
func setScalar(n *node, value any, into reflect.Value) error {
	text, isText := value.(string)
	if number, ok := value.(json.Number); ok {
		text = number.String()
	}
	_, isNumber := value.(json.Number)
	switch n.kind {
	case kindBool:
		if b, ok := value.(bool); ok {
			into.SetBool(b)
			return nil
		}
		if isText && (text == "true" || text == "false") {
			into.SetBool(text == "true")
			return nil
		}
		return fmt.Errorf("want true or false, got %s", show(value))
	case kindInt:
		v, err := strconv.ParseInt(text, 10, n.typ.Bits())
		if !isText && !isNumber || err != nil {
			return wantNumber("a whole number", value, err, n.typ)
		}
		into.SetInt(v)
	case kindUint:
		v, err := strconv.ParseUint(text, 10, n.typ.Bits())
		if !isText && !isNumber || err != nil {
			return wantNumber("a whole number that is not negative", value, err, n.typ)
		}
		into.SetUint(v)
	case kindFloat:
		v, err := strconv.ParseFloat(text, n.typ.Bits())
		if !isText && !isNumber || err != nil || v != v || v > maxFloat || v < -maxFloat {
			return wantNumber("a number", value, err, n.typ)
		}
		into.SetFloat(v)
	case kindString:
		if !isText {
			return fmt.Errorf("want a text, got %s", show(value))
		}
		into.SetString(text)
	case kindDuration:
		if !isText {
			return fmt.Errorf("want a duration such as 30s or 1h30m, got %s", show(value))
		}
		return into.Addr().Interface().(*Duration).UnmarshalText([]byte(text))
	case kindSecret:
		if !isText && !isNumber { // the value itself must not be shown
			return errors.New("want a text")
		}
		into.Set(reflect.ValueOf(NewSecret(text)))
	case kindText:
		if !isText && !isNumber {
			return fmt.Errorf("want a text, got %s", show(value))
		}
		return into.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	}
	return nil
}

const maxFloat = 1.7976931348623157e308

func wantNumber(want string, value any, err error, t reflect.Type) error {
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s is out of range of %v", show(value), t)
	}
	return fmt.Errorf("want %s, got %s", want, show(value))
}
