package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBlockRanges(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"8", "9", "9-aabbccdd", "11-aabbccdd", "notes", "rejected"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]struct {
		kept int    // of the archive
		says string // the error of parsing, or of counting
	}{
		"": {3, ""}, "2": {2, ""}, "200": {3, ""}, "9..11": {2, ""}, "8..8": {1, ""}, "1..100000": {3, ""},
		"12..13": {0, "holds none of the blocks 12 to 13"}, "0": {0, "neither a number"}, "-1": {0, "neither a number"}, "x": {0, "neither a number"},
		"1..": {0, "no range"}, "..5": {0, "no range"}, "1..x": {0, "no range"}, "1...3": {0, "no range"}, "9..8": {0, "ends where it begins"}, "0..3": {0, "begins at 1"},
		"1..18446744073709551615": {0, "100000 at most"}, "1..100001": {0, "100000 at most"},
	} {
		r, err := parseRange(text)
		kept := 0
		if err == nil {
			kept, err = archivedBlocks(dir, r)
		}
		if (err == nil) != (want.says == "") || err != nil && !strings.Contains(err.Error(), want.says) || kept != want.kept {
			t.Errorf("%q: %d blocks, %v; want %d, %q", text, kept, err, want.kept, want.says)
		}
		if err == nil && r.bounded() && (!r.targets().Includes(r.from) || !r.targets().Includes(r.to) || r.targets().Includes(r.to+1)) {
			t.Errorf("%q selects %+v", text, r.targets())
		}
	}
}
