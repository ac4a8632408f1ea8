package catalog

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// NotFoundError is the error for a plugin that is in no directory.
type NotFoundError struct {
	Name     string
	Searched []string // the directories, in order
	Nearest  string   // an existing plugin with a similar name; empty when there is none
}

func (e *NotFoundError) Error() string {
	hint := ""
	if e.Nearest != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return fmt.Sprintf("plugin %q not found%s: searched %s", e.Name, hint, strings.Join(e.Searched, ", "))
}

// nearest returns the name with the smallest edit distance to the wanted one. It returns
// the empty string when no name is so similar that the wanted one may be a typing error.
func nearest(want string, names []string) string {
	best, limit := "", max(2, len(want)/3)+1
	for _, name := range names {
		if d := levenshtein.Distance(want, name, nil); d < limit {
			best, limit = name, d
		}
	}
	return best
}
