package rkyv

import (
	"encoding/binary"
	"fmt"

	"github.com/holiman/uint256"
)

// View is a value in an archive that Open has checked. A method panics where the value's type
// does not have what it returns. That is a fault of the program, not of the archive.
type View struct {
	data []byte
	typ  Type
	pos  int
}

// Type returns the layout of the value.
func (v View) Type() Type { return v.typ }

// Offset returns the byte offset of the inline image.
func (v View) Offset() int { return v.pos }

// Image returns the bytes of the inline image.
func (v View) Image() []byte { return v.data[v.pos : v.pos+v.typ.Size()] }

func (v View) at(t Type, pos int) View { return View{v.data, t, pos} }

func (v View) mismatch(requested string) {
	panic(fmt.Sprintf("rkyv: %s of a %T", requested, v.typ))
}

// Field returns a field of a struct.
func (v View) Field(name string) View {
	if t, ok := v.typ.(*Struct); ok {
		pos := v.pos
		for _, f := range t.Fields {
			if f.Name == name {
				return v.at(f.Type, pos)
			}
			pos += f.Type.Size()
		}
	}
	v.mismatch("field " + name)
	return View{}
}

// HasField reports whether the value is a struct with such a field.
func (v View) HasField(name string) bool {
	if t, ok := v.typ.(*Struct); ok {
		for _, f := range t.Fields {
			if f.Name == name {
				return true
			}
		}
	}
	return false
}

// Uint64 returns a number of up to 8 bytes.
func (v View) Uint64() uint64 {
	if t, ok := v.typ.(Uint); ok && t <= 8 {
		var b [8]byte
		copy(b[:], v.Image())
		return binary.LittleEndian.Uint64(b[:])
	}
	v.mismatch("64-bit number")
	return 0
}

// Uint256 returns a number of up to 32 bytes.
func (v View) Uint256() (n uint256.Int) {
	if _, ok := v.typ.(Uint); !ok {
		v.mismatch("number")
	}
	var b [32]byte
	copy(b[:], v.Image())
	for i := range n {
		n[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return n
}

// Bool returns a bool.
func (v View) Bool() bool {
	if _, ok := v.typ.(Bool); !ok {
		v.mismatch("bool")
	}
	return v.data[v.pos] == 1
}

// Len returns the number of elements of a slice, of bytes, or of a map.
func (v View) Len() int {
	switch v.typ.(type) {
	case Bytes, Slice, Map:
		return int(binary.LittleEndian.Uint32(v.data[v.pos+4:]))
	}
	v.mismatch("length")
	return 0
}

// target returns the byte offset that the pointer at pos leads to.
func (v View) target(pos int) int {
	return pos + int(int32(binary.LittleEndian.Uint32(v.data[pos:])))
}

// Bytes returns the content of a Bytes or Raw value. The caller must not change it.
func (v View) Bytes() []byte {
	switch v.typ.(type) {
	case Bytes:
		p, n := v.target(v.pos), v.Len()
		return v.data[p : p+n : p+n]
	case Raw:
		return v.Image()
	}
	v.mismatch("bytes")
	return nil
}

// Index returns an element of a slice.
func (v View) Index(i int) View {
	t, ok := v.typ.(Slice)
	if !ok || i < 0 || i >= v.Len() {
		v.mismatch(fmt.Sprintf("element %d", i))
	}
	return v.at(t.Elem, v.target(v.pos)+i*t.Elem.Size())
}

// Deref returns the value that a pointer refers to.
func (v View) Deref() View {
	t, ok := v.typ.(Pointer)
	if !ok {
		v.mismatch("target")
	}
	return v.at(t.Elem, v.target(v.pos))
}

// Some returns the content of an option, and whether it has one.
func (v View) Some() (View, bool) {
	t, ok := v.typ.(Option)
	if !ok {
		v.mismatch("option")
	}
	return v.at(t.Elem, v.pos+1), v.data[v.pos] == 1
}

// Variant returns the name of an enum's variant and its payload, whose Type is
// nil where the variant has none.
func (v View) Variant() (string, View) {
	t, ok := v.typ.(*Enum)
	if !ok {
		v.mismatch("variant")
	}
	variant := t.Variants[v.data[v.pos]]
	return variant.Name, v.at(variant.Type, v.pos+1)
}

// Entries calls visit for the entries of a map in their order until it returns
// false.
func (v View) Entries(visit func(key, value View) bool) {
	t, ok := v.typ.(Map)
	if !ok {
		v.mismatch("entries")
	}
	if v.Len() > 0 {
		v.entries(t, v.target(v.pos), visit)
	}
}

func (v View) entries(t Map, node int, visit func(key, value View) bool) bool {
	keys := node + 1
	values := keys + capacity*t.Key.Size()
	children := values + capacity*t.Value.Size()
	below := func(i int) bool {
		pos := children + 4*i
		if v.data[node] == 0 || binary.LittleEndian.Uint32(v.data[pos:]) == invalid {
			return true
		}
		return v.entries(t, v.target(pos), visit)
	}
	n := capacity
	if v.data[node] == 0 {
		n = int(binary.LittleEndian.Uint32(v.data[children:]))
	}
	for i := range n {
		if !below(i) || !visit(v.at(t.Key, keys+i*t.Key.Size()), v.at(t.Value, values+i*t.Value.Size())) {
			return false
		}
	}
	return below(capacity)
}
