package contract

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestEventKindsAreAll: every constant of the type is in the list, once; the
// phases come first and the alerts last.
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
	if len(declared) < 12 || !slices.Equal(declared, EventKinds()) {
		t.Errorf("declared %q, listed %q", declared, EventKinds())
	}
	others, alerts := false, false
	for _, k := range EventKinds() {
		others, alerts = others || !k.IsPhase(), alerts || k.IsAlert()
		if others && k.IsPhase() || alerts && !k.IsAlert() || k.IsPhase() && k.IsAlert() {
			t.Errorf("%s (phase %t, alert %t) is out of place", k, k.IsPhase(), k.IsAlert())
		}
	}
	if EventAccepted.IsPhase() || EventAccepted.IsAlert() {
		t.Error("accepted is neither a phase nor an alert")
	}
}
