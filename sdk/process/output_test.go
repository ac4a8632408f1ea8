package process

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzLines: however the output arrives in pieces, the lines are the same, valid
// and of bounded length.
func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\nthree\rfour\r\r\n\n\xff"), 3)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		split := func(piece int) (out []string) {
			o := &output{}
			l := o.stream(func(line string) { out = append(out, line) })
			for part := range slices.Chunk(data, piece) {
				if n, err := l.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			l.flush()
			return out
		}
		whole, parts := split(max(len(data), 1)), split(min(max(piece, 1), 1<<16))
		if !slices.Equal(whole, parts) {
			t.Errorf("%q in pieces of %d: %q, want %q", data, piece, parts, whole)
		}
		for _, line := range whole {
			if len(line) > 3*MaxLine+len("…") || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
				t.Errorf("line %q", line)
			}
		}
		// The reference: unify the ends, then split.
		if text := string(data); utf8.ValidString(text) && len(text) <= MaxLine {
			text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
			want := strings.Split(text, "\n")
			if want[len(want)-1] == "" {
				want = want[:len(want)-1]
			}
			if !slices.Equal(whole, want) {
				t.Errorf("%q: %q, want %q", data, whole, want)
			}
		}
	})
}
