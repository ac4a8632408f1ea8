package secret

import (
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for raw, want := range map[string]string{"": "", "key": "key", "key\n": "key", "\t key \r\n": "key"} {
		if got, err := Clean("the key", raw); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", raw, got, err, want)
		}
	}
	for raw, part := range map[string]string{"verysecret\nx": "line feed (U+000A), at place 11 of 12", "very secret": "a space at place 5 of 11", "\n": "consists of white space",
		"verysecret\u0085x": "U+0085", "verysecret\x00": "NUL (U+0000)", "vérysecret": "outside ASCII (U+00E9) at place 2"} {
		if got, err := Clean("the key", raw); got != "" || err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q, %v; want %q", raw, got, err, part)
		}
	}
}
