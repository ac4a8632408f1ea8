package pipeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/proofline/proofline/sdk/contract"
)

// describe turns violations of a schema into findings. A finding says what the
// schema wants. It never contains the value, which may be a secret. document is the
// schema as decoded JSON.
func (s *Stage) describe(leaves []*jsonschema.ValidationError, document, config any) (findings Findings) {
	meant := map[string]bool{} // pointers of known keys whose names are nearest to unknown ones
	for _, e := range leaves {
		if k, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
			for _, name := range k.Properties {
				meant[pointerOf(e.InstanceLocation)+"/"+nearest(name, properties(document, e.SchemaURL))] = true
			}
		}
	}
	for _, e := range leaves {
		pointer := "/config" + pointerOf(e.InstanceLocation)
		at := s.places.near(pointer)
		if at.unknown {
			continue // parse has recorded that the variable is not set
		}
		add := func(at Position, path, summary, remedy string) {
			findings = append(findings, Finding{Severity: contract.SeverityError, File: s.file, Position: at, Path: path, Summary: summary, Remedy: remedy})
		}
		path := s.path + dotted(pointer)
		switch k := e.ErrorKind.(type) {
		case *kind.AdditionalProperties:
			known := properties(document, e.SchemaURL)
			for _, name := range k.Properties {
				p := pointer + "/" + pointerEscape.Replace(name)
				remedy := didYouMean(name, known)
				if remedy == "" && len(known) > 0 {
					remedy = "the keys here are " + strings.Join(known, ", ")
				}
				add(s.places.near(p).key, s.path+dotted(p), fmt.Sprintf("unknown key %q", name), remedy)
			}
		case *kind.Required:
			for _, name := range k.Missing {
				if meant[pointerOf(e.InstanceLocation)+"/"+name] {
					continue
				}
				add(at.value, path, fmt.Sprintf("the key %q is missing", name), description(document, e.SchemaURL, name))
			}
		default:
			summary, remedy := explain(e)
			about := subschema(document, e.SchemaURL)
			if form := formOf(about); form != nil {
				switch e.ErrorKind.(type) {
				case *kind.Pattern:
					summary, remedy = form.summary, form.remedy
				case *kind.Type:
					summary, remedy = form.summary, form.remedy
					if n, ok := valueAt(config, e.InstanceLocation).(json.Number); ok && form == durationForm && !at.fromVariable && about["writeOnly"] != true {
						summary, remedy = n.String()+" has no unit", "write "+n.String()+"s for seconds, or 15m, 168h"
					}
				}
			}
			if enum, ok := about["enum"].([]any); ok && len(enum) > 0 {
				if _, wrongType := e.ErrorKind.(*kind.Type); wrongType {
					summary, remedy = "must be one of "+strings.Join(printed(enum), ", "), ""
				}
			}
			if at.fromVariable {
				summary += " (the value comes from a variable)"
			} else if enum, ok := k.(*kind.Enum); ok {
				if text, ok := enum.Got.(string); ok {
					remedy = didYouMean(text, printed(enum.Want))
				}
			}
			add(at.value, path, summary, cmp.Or(remedy, description(document, e.SchemaURL, "")))
		}
	}
	return findings
}

// explain returns summary and remedy for one violation: what the schema wants.
func explain(e *jsonschema.ValidationError) (summary, remedy string) {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		want := strings.Join(wantedTypes(k.Want), " or ")
		if (k.Got == "number" || k.Got == "boolean") && slices.Contains(k.Want, "string") {
			remedy = "put it in quotes"
		}
		return fmt.Sprintf("want %s, got %s", want, wantedTypes([]string{k.Got})[0]), remedy
	case *kind.AnyOf, *kind.OneOf:
		var want []string
		for _, c := range e.Causes {
			switch k := c.ErrorKind.(type) {
			case *kind.Type:
				want = append(want, wantedTypes(k.Want)...)
			case *kind.Const:
				want = append(want, printed([]any{k.Want})...)
			case *kind.Enum:
				want = append(want, printed(k.Want)...)
			default:
				return "fits none of the allowed forms", ""
			}
		}
		if len(want) > 0 {
			return "want " + strings.Join(want, " or "), ""
		}
		return "fits none of the allowed forms", ""
	case *kind.Enum:
		return "must be one of " + strings.Join(printed(k.Want), ", "), ""
	case *kind.Const:
		return "must be " + printed([]any{k.Want})[0], ""
	case *kind.Pattern:
		return "does not have the wanted form", ""
	case *kind.Format:
		return "is no " + k.Want, ""
	case *kind.MinLength:
		if k.Want == 1 {
			return "must not be empty", ""
		}
		return fmt.Sprintf("must have at least %d characters", k.Want), ""
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters", k.Want), ""
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d entries", k.Want), ""
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d entries", k.Want), ""
	case *kind.UniqueItems:
		return fmt.Sprintf("entries %d and %d are the same", k.Duplicates[0], k.Duplicates[1]), ""
	case *kind.Minimum:
		return "must be at least " + k.Want.RatString(), ""
	case *kind.Maximum:
		return "must be at most " + k.Want.RatString(), ""
	case *kind.ExclusiveMinimum:
		return "must be more than " + k.Want.RatString(), ""
	case *kind.ExclusiveMaximum:
		return "must be less than " + k.Want.RatString(), ""
	case *kind.MultipleOf:
		return "must be a multiple of " + k.Want.RatString(), ""
	}
	return fmt.Sprintf("breaks the rule %q of the plugin's schema", strings.Join(e.ErrorKind.KeywordPath(), ".")), ""
}

// form is a form of texts, such as a duration, that schemas describe by a pattern. A
// pattern has the form if it matches all texts of matches and none of rejects.
type form struct {
	problem
	matches, rejects []string
}

var (
	durationForm = &form{problem{"is no duration", "write it as 90s, 15m or 168h"}, []string{"90s", "15m", "168h"}, []string{"x", "7", "true"}}
	forms        = []*form{
		durationForm,
		{problem{"want true or false", "write it without quotes"}, []string{"true", "false"}, []string{"x", "7", "yes"}},
		{problem{"want a whole number", "write it without quotes"}, []string{"0", "7", "4000"}, []string{"x", "true", "1.5", "7s"}},
		{problem{"want a number", "write it without quotes"}, []string{"0", "7", "1.5"}, []string{"x", "true", "7s"}},
		{problem{"is no hash", "a hash is 0x and 64 hexadecimal digits"}, []string{"0x" + strings.Repeat("0a", 32)}, []string{"0x0a", "x", strings.Repeat("z", 66)}},
		{problem{"is no address", "an address is 0x and 40 hexadecimal digits"}, []string{"0x" + strings.Repeat("0a", 20)}, []string{"0x0a", "x", strings.Repeat("z", 42)}},
	}
)

// formOf returns the form of texts that the pattern of a subschema describes, or nil
// if it is none of forms.
func formOf(about map[string]any) *form {
	text, _ := about["pattern"].(string)
	pattern, err := regexp.Compile(text)
	if text == "" || err != nil {
		return nil
	}
	for _, f := range forms {
		misses := func(s string) bool { return !pattern.MatchString(s) }
		if !slices.ContainsFunc(f.matches, misses) && !slices.ContainsFunc(f.rejects, pattern.MatchString) {
			return f
		}
	}
	return nil
}

// valueAt returns the value at a location of a JSON value, or nil if there is none.
func valueAt(v any, location []string) (found any) {
	replace(v, location, func(at any) (any, bool) {
		found = at
		return at, false
	})
	return found
}

// wantedTypes returns the names of JSON Schema types as messages show them.
func wantedTypes(types []string) []string {
	names := map[string]string{
		"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
		"object": "a mapping", "array": "a list", "null": "nothing",
	}
	list := make([]string, len(types))
	for i, t := range types {
		list[i] = cmp.Or(names[t], t)
	}
	return list
}

// printed returns values as messages show them.
func printed(values []any) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
		if v == "" {
			texts[i] = `""`
		}
	}
	return texts
}

// subschema returns the part of a schema document at which the fragment of a URL
// points, or nil if there is none.
func subschema(document any, url string) map[string]any {
	_, fragment, _ := strings.Cut(url, "#")
	for part := range strings.SplitSeq(strings.TrimPrefix(fragment, "/"), "/") {
		if part == "" {
			continue
		}
		switch at := document.(type) {
		case map[string]any:
			document = at[pointerUnescape.Replace(part)]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			document = at[i]
		default:
			return nil
		}
	}
	m, _ := document.(map[string]any)
	return m
}

// properties lists the keys that a subschema knows.
func properties(document any, url string) []string {
	m, _ := subschema(document, url)["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

// description returns the description of a property of a subschema, or of the
// subschema itself if property is empty.
func description(document any, url, property string) string {
	m := subschema(document, url)
	if property != "" {
		all, _ := m["properties"].(map[string]any)
		m, _ = all[property].(map[string]any)
	}
	text, _ := m["description"].(string)
	return text
}
