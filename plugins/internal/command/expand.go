package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/proofline/proofline/sdk"
)

// placeholder matches {name}, {in:NAME} and {fact:NAME}, and the same in double braces,
// which stands for the text in single braces. Other braces are text.
var placeholder = regexp.MustCompile(`\{\{[a-z_]+(?::[^{}]+)?\}\}|\{[a-z_]+(?::[^{}]+)?\}`)

// Values holds the values of placeholders.
type Values struct {
	Names map[string]string // by name, without braces
	Input func(name string) (string, error)
	Facts map[string]string
}

// expand replaces the placeholders of one argument. It does not expand the values.
func (v Values) expand(argument string) (text string, err error) {
	text = placeholder.ReplaceAllStringFunc(argument, func(found string) string {
		if strings.HasPrefix(found, "{{") {
			return found[1 : len(found)-1]
		}
		name := found[1 : len(found)-1]
		value, problem := v.value(name)
		if problem != nil && err == nil {
			err = problem
		}
		return value
	})
	return text, err
}

func (v Values) value(name string) (string, error) {
	if input, ok := strings.CutPrefix(name, "in:"); ok {
		return v.Input(input)
	}
	if fact, ok := strings.CutPrefix(name, "fact:"); ok {
		if value, ok := v.Facts[fact]; ok {
			return value, nil
		}
		return "", sdk.Permanent(fmt.Errorf("there is no fact %q: no earlier stage reported it", fact))
	}
	if value, ok := v.Names[name]; ok {
		return value, nil
	}
	return "", sdk.Permanent(fmt.Errorf("there is nothing for {%s}", name))
}

func (v Values) expandAll(list []string) ([]string, error) {
	out := make([]string, len(list))
	for i, argument := range list {
		var err error
		if out[i], err = v.expand(argument); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// placeholders reports unknown placeholders of an argument.
func (f *findings) placeholders(pointer, argument string, known []string) {
	for _, found := range placeholder.FindAllString(argument, -1) {
		name := strings.Trim(found, "{}")
		if strings.HasPrefix(found, "{{") || strings.HasPrefix(name, "in:") || strings.HasPrefix(name, "fact:") || slices.Contains(known, name) {
			continue
		}
		f.add(pointer, fmt.Sprintf("there is no placeholder %s", found),
			fmt.Sprintf("there are {%s}, {in:NAME} for an input and {fact:NAME}; {%s} in the text itself is written {{%[2]s}}", strings.Join(known, "}, {"), name))
	}
}
