package record

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBoundText(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", MaxText)} {
		if got := BoundText(text, MaxText); got != text {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
	}
	for shift := range 4 {
		text := strings.Repeat("a", shift) + strings.Repeat("日本𝕏", 5000)
		got := BoundText(text, MaxText)
		head, tail, _ := strings.Cut(got, "… (")
		if len(got) > MaxText || !utf8.ValidString(got) || !strings.HasPrefix(text, head) || tail != fmt.Sprintf("%d bytes left out)", len(text)-len(head)) {
			t.Errorf("%d bytes, valid: %v, ends in %q", len(got), utf8.ValidString(got), got[len(got)-60:])
		}
	}
}

func TestBoundFacts(t *testing.T) {
	if BoundFacts(nil) != nil {
		t.Error("facts where there were none")
	}
	few := map[string]string{"a": "1", "b": strings.Repeat("x", MaxFactValue)}
	if got := BoundFacts(few); !maps.Equal(got, few) {
		t.Errorf("%v, want them as they are", got)
	}
	many := map[string]string{strings.Repeat("n", MaxFactName+1): "", "long": strings.Repeat("x", 1<<20)}
	for i := range 99 {
		many[fmt.Sprintf("fact-%03d", i)] = "v"
	}
	got := BoundFacts(many)
	if len(got) != MaxFacts+1 || got[FactLeftOut] != fmt.Sprint(len(many)-MaxFacts) || got["fact-000"] != "v" {
		t.Errorf("%d facts, %s left out", len(got), got[FactLeftOut])
	}
	if long := BoundFacts(map[string]string{"long": many["long"]})["long"]; len(long) > MaxFactValue {
		t.Errorf("a value of %d bytes", len(long))
	}
}
