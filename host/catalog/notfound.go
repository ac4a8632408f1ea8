package catalog

import (
	"fmt"
	"strings"
)

// NotFoundError says that no directory has a plugin of that name.
type NotFoundError struct {
	Name     string
	Searched []string // directories, in order
	Nearest  string   // an existing plugin with a similar name, or empty
}

func (e *NotFoundError) Error() string {
	hint := ""
	if e.Nearest != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return fmt.Sprintf("plugin %q not found%s: searched %s", e.Name, hint, strings.Join(e.Searched, ", "))
}

// nearest returns the name that takes the fewest edits to become the wanted
// one, if these are few enough to be a slip.
func nearest(want string, names []string) string {
	best, least := "", max(2, len(want)/3)+1
	for _, name := range names {
		if d := distance(want, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
