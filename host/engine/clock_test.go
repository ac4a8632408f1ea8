package engine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestOnlyTheClockKnowsTheTime checks that the package reads the time, sleeps and starts
// goroutines only by its Clock. Anything else would not run in virtual time.
func TestOnlyTheClockKnowsTheTime(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	timers := map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
		"Tick": true, "NewTimer": true, "NewTicker": true, "WithTimeout": true, "WithTimeoutCause": true, "WithDeadline": true, "WithDeadlineCause": true}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || name == "clock.go" {
			continue
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			called, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if from, ok := called.X.(*ast.Ident); ok && (from.Name == "time" || from.Name == "context") && timers[called.Sel.Name] {
				t.Errorf("%s: %s.%s instead of the clock", positions.Position(n.Pos()), from.Name, called.Sel.Name)
			}
			return true
		})
	}
}
