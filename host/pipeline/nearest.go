package pipeline

import "fmt"

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
		if d := distance(word, candidate); d < limit && d < len(candidate) {
			best, limit = candidate, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
