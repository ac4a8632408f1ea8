package pipeline

import (
	"fmt"

	"github.com/agext/levenshtein"
)

// didYouMean returns a hint that names the candidate nearest to a name, or "" if none
// is near.
func didYouMean(name string, candidates []string) string {
	if near := nearest(name, candidates); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// nearest returns the candidate at the smallest edit distance from a name. The
// distance is at most a third of the name's length, or 2 for short names. nearest
// returns "" if there is none.
func nearest(name string, candidates []string) string {
	if len(name) > 64 {
		return ""
	}
	best, limit := "", max(2, len(name)/3)+1
	for _, candidate := range candidates {
		if d := levenshtein.Distance(name, candidate, nil); d < limit && d < len(candidate) {
			best, limit = candidate, d
		}
	}
	return best
}
