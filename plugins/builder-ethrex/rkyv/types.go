package rkyv

// Type describes the layout of an archived type. Types may be recursive through
// a Pointer, Slice or Map, whose own size is fixed.
type Type interface {
	// Size returns the size of the inline image in bytes.
	Size() int
}

// Uint is a number of 1, 4, 8, 16 or 32 bytes, little-endian.
type Uint int

// Raw is a fixed number of bytes, for example a hash or an address.
type Raw int

// Bool is one byte, 0 or 1.
type Bool struct{}

// Bytes is a Vec<u8>.
type Bytes struct{}

// Slice is a Vec of any other type.
type Slice struct{ Elem Type }

// Pointer is a Box or an Arc.
type Pointer struct{ Elem Type }

// Option is Rust's core Option. The tag 0 is None, 1 is Some.
type Option struct{ Elem Type }

// Field is a named field or variant. Type is nil for a variant without payload.
type Field struct {
	Name string
	Type Type
}

// Struct is the concatenation of its fields.
type Struct struct {
	Name   string
	Fields []Field
}

// Enum is a tag of one byte, which is the index of the variant, and the variant's payload.
type Enum struct {
	Name     string
	Variants []Field
}

// Map is a BTreeMap.
type Map struct{ Key, Value Type }

const sliceSize = 8 // pointer and count

// Size implements Type.
func (t Uint) Size() int { return int(t) }

// Size implements Type.
func (t Raw) Size() int { return int(t) }

// Size implements Type.
func (Bool) Size() int { return 1 }

// Size implements Type.
func (Bytes) Size() int { return sliceSize }

// Size implements Type.
func (Slice) Size() int { return sliceSize }

// Size implements Type.
func (Pointer) Size() int { return 4 }

// Size implements Type.
func (t Option) Size() int { return 1 + t.Elem.Size() }

// Size implements Type.
func (t *Struct) Size() int {
	n := 0
	for _, f := range t.Fields {
		n += f.Type.Size()
	}
	return n
}

// Size implements Type.
func (t *Enum) Size() int {
	n := 0
	for _, v := range t.Variants {
		if v.Type != nil {
			n = max(n, v.Type.Size())
		}
	}
	return 1 + n
}

// Size implements Type.
func (Map) Size() int { return sliceSize }

func (t Map) leafSize() int {
	return Entries[struct{}]{KeySize: t.Key.Size(), ValueSize: t.Value.Size()}.LeafSize()
}

func (t Map) innerSize() int {
	return Entries[struct{}]{KeySize: t.Key.Size(), ValueSize: t.Value.Size()}.InnerSize()
}
