package pipeline

import "testing"

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		text, want string
		replaced   bool
		problem    string
	}{
		{"plain $5", "plain $5", false, ""},
		{"${SEVEN}", "7", true, ""},
		{"a${SEVEN}b${SEVEN}c", "a7b7c", true, ""},
		{"${EMPTY}", "", true, ""},
		{"${EMPTY:-x}", "x", true, ""},
		{"${ABSENT:-x:-y}", "x:-y", true, ""},
		{"${ABSENT:-}", "", true, ""},
		{"$${SEVEN}", "${SEVEN}", false, ""},
		{"$$${SEVEN}", "$${SEVEN}", false, ""},
		{"${ABSENT}", "", false, "the variable ABSENT is not set"},
		{"${SEVEN", "", false, "${ has no closing brace"},
		{"${a b}", "", false, `"a b" is no variable name`},
		{"${}", "", false, `"" is no variable name`},
	} {
		got, replaced, problems := expand(c.text, lookup)
		switch {
		case c.problem != "":
			if len(problems) != 1 || problems[0].summary != c.problem {
				t.Errorf("%q: problems %v, want %q", c.text, problems, c.problem)
			}
		case got != c.want || replaced != c.replaced || len(problems) > 0:
			t.Errorf("%q is %q, %v, %v; want %q, %v", c.text, got, replaced, problems, c.want, c.replaced)
		}
	}
}

func TestNearest(t *testing.T) {
	keys := []string{"name", "plugin", "timeout", "retry", "config", "concurrency", "stuck_after"}
	for word, want := range map[string]string{
		"timout": "timeout", "tiemout": "timeout", "pluggin": "plugin", "conf": "config", "concurency": "concurrency",
		"stuck-after": "stuck_after", "elephant": "", "": "", "x": "",
	} {
		if got := nearest(word, keys); got != want {
			t.Errorf("nearest(%q) is %q, want %q", word, got, want)
		}
	}
}
