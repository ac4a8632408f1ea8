package pipeline

import (
	"fmt"
	"strings"
)

// Lookup returns the value of a variable, as os.LookupEnv does.
type Lookup func(name string) (value string, set bool)

// expand replaces the variables of a text. replaced reports whether there were any.
// If there are problems, expanded is not valid. A problem names the variable, never
// its content.
func expand(text string, lookup Lookup) (expanded string, replaced bool, problems []problem) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		if !found {
			b.WriteString(text)
			return b.String(), replaced, problems
		}
		if strings.HasSuffix(before, "$") { // $${ is a literal ${
			b.WriteString(before + "{")
			text = rest
			continue
		}
		b.WriteString(before)
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", replaced, append(problems, problem{
				"${ has no closing brace",
				"write ${NAME} or ${NAME:-default}; $${ stands for a literal ${",
			})
		}
		text = after
		name, fallback, hasFallback := strings.Cut(inner, ":-")
		if !isVariableName(name) {
			problems = append(problems, problem{
				fmt.Sprintf("%q is no variable name", name),
				"write ${NAME} or ${NAME:-default}; $${ stands for a literal ${",
			})
			continue
		}
		value, set := lookup(name)
		switch {
		case hasFallback && value == "":
			value = fallback
		case !set && !hasFallback:
			problems = append(problems, problem{
				fmt.Sprintf("the variable %s is not set", name),
				fmt.Sprintf("export %s=…, or write ${%s:-default}", name, name),
			})
			continue
		}
		replaced = true
		b.WriteString(value)
	}
}

// isVariableName reports whether the name is a letter or underscore followed by
// letters, digits and underscores.
func isVariableName(name string) bool {
	for i, c := range []byte(name) {
		switch {
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case '0' <= c && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}
