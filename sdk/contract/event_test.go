package contract

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestEventKindsAreAll: every constant of the type is in the list, once, and the
// phases come first.
func TestEventKindsAreAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []EventKind
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "EventKind" {
				declared = append(declared, EventKind(strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)))
			}
		}
		return true
	})
	if len(declared) < 11 || !slices.Equal(declared, EventKinds()) {
		t.Errorf("declared %q, listed %q", declared, EventKinds())
	}
	alerts := false
	for _, k := range EventKinds() {
		if alerts = alerts || !k.IsPhase(); alerts && k.IsPhase() {
			t.Errorf("the phase %s stands behind an alert", k)
		}
	}
}
