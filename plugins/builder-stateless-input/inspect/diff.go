package inspect

import (
	"bytes"
	"fmt"

	"github.com/proofline/proofline/plugins/builder-stateless-input/ssz"
)

// Difference is the first place where two inputs differ.
type Difference struct {
	Path string `json:"path"` // path of the value, for example "witness.codes[3]"
	A    string `json:"a"`
	B    string `json:"b"`
}

func (d *Difference) String() string { return fmt.Sprintf("%s: %s and %s", d.Path, d.A, d.B) }

// Diff returns the first difference in the order of the values, nil where the inputs are
// equal. It compares inputs of different forks or dialects value by value, and ignores the
// framing.
func Diff(a, b *File) *Difference {
	x, y := a.Input.Leaves(), b.Input.Leaves()
	for i := range min(len(x), len(y)) {
		switch {
		case x[i].Path != y[i].Path:
			return &Difference{Path: x[i].Path, A: "a value", B: "none, but " + y[i].Path}
		case !bytes.Equal(x[i].Value, y[i].Value):
			return &Difference{Path: x[i].Path, A: preview(x[i]), B: preview(y[i])}
		}
	}
	switch {
	case len(x) > len(y):
		return &Difference{Path: x[len(y)].Path, A: "a value", B: "none"}
	case len(x) < len(y):
		return &Difference{Path: y[len(x)].Path, A: "none", B: "a value"}
	case a.Input.Fork != b.Input.Fork:
		return &Difference{Path: "schema_id", A: a.Input.Fork.String(), B: b.Input.Fork.String()}
	case a.Input.Dialect != b.Input.Dialect:
		return &Difference{Path: "dialect", A: string(a.Input.Dialect), B: string(b.Input.Dialect)}
	}
	return nil
}

// preview returns the beginning of a value for people.
func preview(l ssz.Leaf) string {
	const maxBytes = 40
	switch {
	case l.Count:
		return string(l.Value)
	case len(l.Value) > maxBytes:
		return fmt.Sprintf("0x%x… (%d bytes)", l.Value[:maxBytes], len(l.Value))
	}
	return fmt.Sprintf("0x%x", l.Value)
}
