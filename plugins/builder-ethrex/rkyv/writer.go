package rkyv

import (
	"encoding/binary"
	"errors"
	"math"
)

// ErrTooLarge says that an archive outgrew what its 32-bit relative pointers
// reach.
var ErrTooLarge = errors.New("archive larger than 2 GiB, which 32-bit relative pointers cannot span")

// Position is an offset in bytes from the start of the archive.
type Position int

// None is the position of something that was not written.
const None Position = -1

// invalid is the value of a pointer to nothing: it points into itself.
const invalid = 1

// Writer appends to one buffer. The zero value is ready to use.
type Writer struct {
	buf []byte
}

// NewWriter returns a writer whose buffer holds size bytes before it grows.
func NewWriter(size int) *Writer { return &Writer{buf: make([]byte, 0, size)} }

// Position returns where the next byte will stand.
func (w *Writer) Position() Position { return Position(len(w.buf)) }

// Finish returns the archive. The writer must not be used further.
func (w *Writer) Finish() ([]byte, error) {
	if len(w.buf) > math.MaxInt32 {
		return nil, ErrTooLarge
	}
	return w.buf, nil
}

// Append writes bytes and returns where they begin.
func (w *Writer) Append(b []byte) Position {
	p := w.Position()
	w.buf = append(w.buf, b...)
	return p
}

// Extend appends n bytes and returns them for the caller to fill; they hold
// rubbish. The slice is valid until the next call.
func (w *Writer) Extend(n int) []byte {
	p := len(w.buf)
	if cap(w.buf)-p < n {
		w.buf = append(w.buf, make([]byte, n)...)
	}
	w.buf = w.buf[:p+n]
	return w.buf[p : p+n : p+n]
}

// Zero writes n zero bytes.
func (w *Writer) Zero(n int) { clear(w.Extend(n)) }

// PadTo writes zero bytes until the position is reached. What is beyond it
// already stays.
func (w *Writer) PadTo(p Position) {
	if n := int(p - w.Position()); n > 0 {
		w.Zero(n)
	}
}

// Byte writes one byte: a small number, or the tag of an enum or option.
func (w *Writer) Byte(v byte) { w.buf = append(w.buf, v) }

// Bool writes 0 or 1.
func (w *Writer) Bool(v bool) {
	if v {
		w.Byte(1)
	} else {
		w.Byte(0)
	}
}

// Uint32 writes four bytes.
func (w *Writer) Uint32(v uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, v) }

// Uint64 writes eight bytes.
func (w *Writer) Uint64(v uint64) { w.buf = binary.LittleEndian.AppendUint64(w.buf, v) }

// Limbs writes a number of several words, the lowest first.
func (w *Writer) Limbs(words []uint64) {
	for _, v := range words {
		w.Uint64(v)
	}
}

// Pointer writes a relative pointer to the target: an i32 that counts from its
// own first byte. None gives the pointer to nothing.
func (w *Writer) Pointer(target Position) {
	if target == None {
		w.Uint32(invalid)
		return
	}
	w.Uint32(uint32(int32(target - w.Position())))
}

// Slice writes the image of a Vec: the pointer to its first element and the
// number of elements. rkyv points an empty Vec at the place where its elements
// would have been written.
func (w *Writer) Slice(first Position, n int) {
	w.Pointer(first)
	w.Uint32(uint32(n))
}

// ByteStrings writes a Vec<Vec<u8>> out of line, all contents and then all
// images, and returns the position of the images, for Slice.
func (w *Writer) ByteStrings(list [][]byte) Position {
	start := w.Position()
	for _, b := range list {
		w.Append(b)
	}
	images := w.Position()
	for _, b := range list {
		w.Slice(start, len(b))
		start += Position(len(b))
	}
	return images
}
