package pipeline

import (
	"fmt"

	"github.com/agext/levenshtein"
)

// didYouMean suggests the word that is nearest to the given one, or nothing
// when none is near.
func didYouMean(word string, words []string) string {
	if near := nearest(word, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// nearest returns the word at the smallest edit distance, if that is at most a
// third of the word's length (and 2 for short words).
func nearest(word string, words []string) string {
	if len(word) > 64 {
		return ""
	}
	best, limit := "", max(2, len(word)/3)+1
	for _, candidate := range words {
		if d := levenshtein.Distance(word, candidate, nil); d < limit && d < len(candidate) {
			best, limit = candidate, d
		}
	}
	return best
}
