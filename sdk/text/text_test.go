package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "…"}, {"abcdefgh", 6, "abc…"},
		{"ääää", 8, "ääää"}, {"ääääa", 8, "ää…"}, {"日本語日本語", 10, "日本…"}, {"日本語", 2, ""},
		{"a\xffb", 9, "a\uFFFDb"}, {"\xe6\x97", 9, "\uFFFD"},
	} {
		if have := Cut(c.in, c.limit); have != c.want {
			t.Errorf("Cut(%q, %d) is %q, want %q", c.in, c.limit, have, c.want)
		}
	}
}

func TestCutCharacters(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 0, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語日", 3, "日本…"}, {"日本語", 3, "日本語"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"abc", -1, ""},
	} {
		if have := CutCharacters(c.in, c.limit); have != c.want {
			t.Errorf("CutCharacters(%q, %d) is %q, want %q", c.in, c.limit, have, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{{" a\n\tb  c\n", 5, "a b c"}, {"a\nbcd", 4, "a b…"}, {"", 3, ""}, {"\n", 3, ""}} {
		if got := Line(c.in, c.limit); got != c.want {
			t.Errorf("%q on a line of %d: %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("日本語", 4)
	f.Add("\xff\xfe\x80", 2)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit %= 1 << 20
		whole := utf8.ValidString(s)
		for name, cut := range map[string]string{"bytes": Cut(s, limit), "characters": CutCharacters(s, limit)} {
			if !utf8.ValidString(cut) {
				t.Fatalf("%s: %q became %q, which is no UTF-8", name, s, cut)
			}
			if whole && !strings.HasPrefix(s, strings.TrimSuffix(cut, ellipsis)) && cut != s {
				t.Fatalf("%s: %q is no beginning of %q", name, cut, s)
			}
		}
		if cut := Cut(s, limit); whole && len(cut) > max(limit, 0) {
			t.Fatalf("%d bytes, at most %d are allowed", len(cut), limit)
		}
		if cut := CutCharacters(s, limit); utf8.RuneCountInString(cut) > max(limit, 0) {
			t.Fatalf("%d characters, at most %d are allowed", utf8.RuneCountInString(cut), limit)
		}
	})
}
