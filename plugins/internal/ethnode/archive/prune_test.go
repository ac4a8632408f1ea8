package archive

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPrune checks that Prune removes all entries of a pruned number and no others.
func TestPrune(t *testing.T) {
	for _, c := range []struct {
		most       int
		have, want string
	}{
		{2, "3 4 5", "4 5"},
		{3, "3 4 5", "3 4 5"},
		{1, "3 3-aabbccdd 4 4-aabbccdd 4-replaced", "4 4-aabbccdd 4-replaced"},
		{2, "3-aabbccdd 4 5", "4 5"},
		{2, "3 4 5 rejected/2-aa rejected/4-bb rejected/9-cc", "4 5 rejected rejected/4-bb rejected/9-cc"},
		{2, "4 rejected/1-aa rejected/2-aa rejected/3-aa rejected/3-bb", "4 rejected rejected/2-aa rejected/3-aa rejected/3-bb"},
		{1, "9 10 notes 07 .tmp-3 chain.json/", "07 10 .tmp-3 notes chain.json"},
		{1, "rejected/1-aa rejected/2-aa", "rejected rejected/2-aa"},
		{5, "", ""},
	} {
		dir := t.TempDir()
		for name := range strings.FieldsSeq(c.have) {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		a, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Prune(c.most); err != nil {
			t.Errorf("%s: %v", c.have, err)
		}
		have, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		below, err := filepath.Glob(filepath.Join(dir, "rejected", "*"))
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, path := range append(have, below...) {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		want := strings.Fields(c.want)
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(slices.Compact(names), want) {
			t.Errorf("%s, at most %d: left are %v, want %v", c.have, c.most, names, want)
		}
		a.Close()
	}
}
