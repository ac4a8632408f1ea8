package sdk

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestEveryEventKindHasAnAlias holds the aliases of this package against the kinds of event
// that package contract declares: a plugin author finds a new kind here.
func TestEveryEventKindHasAnAlias(t *testing.T) {
	aliases, err := os.ReadFile("alias.go")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "contract/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, name := range spec.Names {
			if strings.HasPrefix(name.Name, "Event") {
				found++
				if !strings.Contains(string(aliases), "= contract."+name.Name+" ") && !strings.Contains(string(aliases), "= contract."+name.Name+"\n") {
					t.Errorf("alias.go lacks contract.%s", name.Name)
				}
			}
		}
		return true
	})
	if found < 12 {
		t.Errorf("only %d kinds of event were found", found)
	}
}
