package pipeline

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// Position is a place in a file. Line and Column count from 1. The zero value means
// the whole file.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"` // in characters
}

// Finding is one fault of a pipeline file, or one remark about it.
type Finding struct {
	Severity contract.Severity `json:"severity"`
	File     string            `json:"file"`
	Position
	Path    string `json:"path,omitempty"` // "stages[2].config.timeout"
	Summary string `json:"summary"`        // what is wrong; never holds the content of a variable
	Remedy  string `json:"remedy,omitempty"`
}

// String returns the finding as "pipeline.yaml:12:7: error: …". The remedy follows
// on a line of its own.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	fmt.Fprintf(&b, ": %s: ", f.Severity)
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Summary)
	if f.Remedy != "" {
		b.WriteString("\n    " + f.Remedy)
	}
	return b.String()
}

// Findings is the result of a check. Sort puts it into the order of the file.
type Findings []Finding

// Failed reports whether one of the findings is an error.
func (fs Findings) Failed() bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Severity == contract.SeverityError })
}

// Count returns how many findings have the severity.
func (fs Findings) Count(severity contract.Severity) int {
	n := 0
	for _, f := range fs {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// About returns the findings about one stage.
func (fs Findings) About(s *Stage) (list Findings) {
	for _, f := range fs {
		if f.Path == s.path || strings.HasPrefix(f.Path, s.path+".") {
			list = append(list, f)
		}
	}
	return list
}

// Sort orders the findings by their place in the file.
func (fs Findings) Sort() {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Write prints the findings, one or two lines each.
func (fs Findings) Write(w io.Writer) error {
	for _, f := range fs {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	return nil
}

// Error returns an *InvalidError with all findings if one of them is an error, and
// nil otherwise.
func (fs Findings) Error() error {
	if !fs.Failed() {
		return nil
	}
	return &InvalidError{Findings: fs}
}

// InvalidError says that a pipeline file cannot be used.
type InvalidError struct{ Findings Findings }

func (e *InvalidError) Error() string {
	var b strings.Builder
	e.Findings.Write(&b)
	return strings.TrimSuffix(b.String(), "\n")
}

// place is the position of a value and of its key, and where the value came from.
type place struct {
	key, value   Position
	fromVariable bool // the value holds the content of a variable
	unknown      bool // the value is not known, because its variable is not set
}

// places maps RFC 6901 pointers to places.
type places map[string]place

// near returns the place of the pointer or of its nearest ancestor.
func (p places) near(pointer string) place {
	for {
		if at, ok := p[pointer]; ok {
			return at
		}
		cut := strings.LastIndexByte(pointer, '/')
		if cut < 0 {
			return place{}
		}
		pointer = pointer[:cut]
	}
}

var (
	pointerEscape   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// pointerOf joins parts to an RFC 6901 pointer.
func pointerOf(parts []string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + pointerEscape.Replace(part))
	}
	return b.String()
}

// dotted converts an RFC 6901 pointer to the path that findings show:
// "/endpoints/0/url" becomes ".endpoints[0].url".
func dotted(pointer string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if part == "" {
			continue
		}
		if _, err := strconv.ParseUint(part, 10, 32); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		b.WriteString("." + pointerUnescape.Replace(part))
	}
	return b.String()
}
