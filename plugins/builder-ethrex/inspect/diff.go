package inspect

import (
	"bytes"
	"fmt"

	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
)

// Difference is the first place where two inputs differ.
type Difference struct {
	Path string `json:"path"` // path of the field, for example "execution_witness.codes[3]"
	A    string `json:"a"`
	B    string `json:"b"`
	// OffsetA and OffsetB are the byte offsets of the field in the archives, -1 where the
	// difference is in no field.
	OffsetA int `json:"offset_a"`
	OffsetB int `json:"offset_b"`
}

func (d *Difference) String() string {
	return fmt.Sprintf("%s: %s (byte %d) and %s (byte %d)", d.Path, d.A, d.OffsetA, d.B, d.OffsetB)
}

// Diff returns the first difference in the order of the fields, nil where the archives are
// equal. It compares inputs of different formats field by field; a field that only one of
// them has is a difference. It ignores the framing.
func Diff(a, b *File) *Difference {
	if bytes.Equal(a.Archive, b.Archive) {
		return nil
	}
	if d := diff("", a.Root, b.Root); d != nil {
		return d
	}
	if a.Format != b.Format {
		return &Difference{Path: "format", A: string(a.Format), B: string(b.Format), OffsetA: -1, OffsetB: -1}
	}
	at := 0
	for at < len(a.Archive) && at < len(b.Archive) && a.Archive[at] == b.Archive[at] {
		at++
	}
	return &Difference{Path: "padding", A: "all fields are equal", B: "bytes that belong to no field differ", OffsetA: at, OffsetB: at}
}

func diff(path string, a, b rkyv.View) *Difference {
	differ := func(x, y string) *Difference { return &Difference{path, x, y, a.Offset(), b.Offset()} }
	switch t := a.Type().(type) {
	case *rkyv.Struct:
		if u, ok := b.Type().(*rkyv.Struct); ok {
			return diffStruct(path, a, b, t, u)
		}
	case rkyv.Slice:
		if _, ok := b.Type().(rkyv.Slice); ok {
			for i := range min(a.Len(), b.Len()) {
				if d := diff(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); d != nil {
					return d
				}
			}
			if a.Len() != b.Len() {
				return differ(fmt.Sprintf("%d elements", a.Len()), fmt.Sprintf("%d elements", b.Len()))
			}
			return nil
		}
	case rkyv.Pointer:
		if _, ok := b.Type().(rkyv.Pointer); ok {
			return diff(path, a.Deref(), b.Deref())
		}
	case rkyv.Option:
		if _, ok := b.Type().(rkyv.Option); !ok {
			break
		}
		x, haveX := a.Some()
		y, haveY := b.Some()
		switch {
		case haveX && haveY:
			return diff(path, x, y)
		case haveX:
			return differ(preview(x), "none")
		case haveY:
			return differ("none", preview(y))
		}
		return nil
	case *rkyv.Enum:
		if _, ok := b.Type().(*rkyv.Enum); !ok {
			break
		}
		nameX, x := a.Variant()
		nameY, y := b.Variant()
		if nameX != nameY {
			return differ(nameX, nameY)
		}
		if x.Type() == nil {
			return nil
		}
		return diff(join(path, nameX), x, y)
	case rkyv.Map:
		return diffMap(path, a, b)
	case rkyv.Bytes, rkyv.Raw:
		if bytes.Equal(a.Bytes(), b.Bytes()) {
			return nil
		}
		return differ(previewFrom(a.Bytes(), b.Bytes()), previewFrom(b.Bytes(), a.Bytes()))
	}
	if x, y := preview(a), preview(b); x != y {
		return differ(x, y)
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// diffStruct compares the fields of the first struct in their order, and then finds fields
// that only the second struct has. A root with a list of one block counts as equal to a root
// with that block.
func diffStruct(path string, a, b rkyv.View, t, u *rkyv.Struct) *Difference {
	if path == "" && a.HasField("block") != b.HasField("block") {
		if d := diff("block", block(a), block(b)); d != nil {
			return d
		}
		return diff("execution_witness", a.Field("execution_witness"), b.Field("execution_witness"))
	}
	for _, f := range t.Fields {
		at := join(path, f.Name)
		if !b.HasField(f.Name) {
			return &Difference{at, "present", "not in this format", a.Field(f.Name).Offset(), b.Offset()}
		}
		if d := diff(at, a.Field(f.Name), b.Field(f.Name)); d != nil {
			return d
		}
	}
	for _, f := range u.Fields {
		if !a.HasField(f.Name) {
			return &Difference{join(path, f.Name), "not in this format", "present", a.Offset(), b.Field(f.Name).Offset()}
		}
	}
	return nil
}

func diffMap(path string, a, b rkyv.View) *Difference {
	type entry struct{ key, value rkyv.View }
	collect := func(v rkyv.View) (list []entry) {
		v.Entries(func(key, value rkyv.View) bool {
			list = append(list, entry{key, value})
			return true
		})
		return list
	}
	x, y := collect(a), collect(b)
	for i := range min(len(x), len(y)) {
		if p, q := preview(x[i].key), preview(y[i].key); p != q {
			return &Difference{fmt.Sprintf("%s, key %d", path, i), p, q, x[i].key.Offset(), y[i].key.Offset()}
		}
		if d := diff(fmt.Sprintf("%s[%s]", path, preview(x[i].key)), x[i].value, y[i].value); d != nil {
			return d
		}
	}
	if len(x) != len(y) {
		return &Difference{path, fmt.Sprintf("%d entries", len(x)), fmt.Sprintf("%d entries", len(y)), a.Offset(), b.Offset()}
	}
	return nil
}

// preview returns the text of a value without parts.
func preview(v rkyv.View) string {
	switch v.Type().(type) {
	case rkyv.Uint:
		n := v.Uint256()
		return n.Dec()
	case rkyv.Bool:
		return fmt.Sprint(v.Bool())
	case rkyv.Raw, rkyv.Bytes:
		return previewFrom(v.Bytes(), nil)
	}
	return "a value"
}

// previewFrom returns bytes in hexadecimal. Of more than 32 bytes it returns those from the
// first one on that differs from others.
func previewFrom(b, others []byte) string {
	const short, around = 32, 16
	if len(b) <= short {
		return fmt.Sprintf("0x%x", b)
	}
	at := 0
	for at < len(b) && at < len(others) && b[at] == others[at] {
		at++
	}
	return fmt.Sprintf("%d bytes, from number %d on 0x%x", len(b), at, b[at:min(at+around, len(b))])
}

// Equal reports whether two values have the same content. Their positions do not matter.
func Equal(a, b rkyv.View) bool { return diff("", a, b) == nil }
