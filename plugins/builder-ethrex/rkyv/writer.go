package rkyv

import (
	"encoding/binary"
	"errors"
	"io"
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

// bufferSize is how many bytes a Writer collects before it passes them on.
const bufferSize = 64 << 10

// Writer appends to an archive. What is written stays, so only a part of it is in
// memory at a time. The zero value passes nothing on and tells positions.
type Writer struct {
	out    io.Writer // nil: the bytes are only counted
	buf    []byte    // not passed on yet
	passed Position  // bytes before those
	err    error     // of out, the first
}

// NewWriter returns a writer that passes the archive on in large parts.
func NewWriter(out io.Writer) *Writer {
	return &Writer{out: out, buf: make([]byte, 0, bufferSize)}
}

// Position returns where the next byte will stand.
func (w *Writer) Position() Position { return w.passed + Position(len(w.buf)) }

// Finish passes the rest on and returns the size of the archive. The error is that
// of the underlying writer, or ErrTooLarge. The writer must not be used further.
func (w *Writer) Finish() (int64, error) {
	w.flush()
	size := w.Position()
	if w.err == nil && size > math.MaxInt32 {
		w.err = ErrTooLarge
	}
	return int64(size), w.err
}

// flush passes on what was collected. After an error the rest is only counted.
func (w *Writer) flush() {
	w.passed += Position(len(w.buf))
	w.pass(w.buf)
	w.buf = w.buf[:0]
}

func (w *Writer) pass(b []byte) {
	if w.out != nil && w.err == nil && len(b) > 0 {
		_, w.err = w.out.Write(b)
	}
}

// Append writes bytes and returns where they begin.
func (w *Writer) Append(b []byte) Position {
	p := w.Position()
	if len(b) > cap(w.buf)-len(w.buf) {
		w.flush()
		if len(b) >= bufferSize {
			w.passed += Position(len(b))
			w.pass(b)
			return p
		}
	}
	w.buf = append(w.buf, b...)
	return p
}

// Extend appends n bytes and returns them for the caller to fill; they hold
// rubbish. The slice is valid until the next call.
func (w *Writer) Extend(n int) []byte {
	if cap(w.buf)-len(w.buf) < n {
		w.flush()
		if cap(w.buf) < n {
			w.buf = make([]byte, 0, max(n, bufferSize))
		}
	}
	p := len(w.buf)
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
func (w *Writer) Byte(v byte) { w.Extend(1)[0] = v }

// Bool writes 0 or 1.
func (w *Writer) Bool(v bool) {
	if v {
		w.Byte(1)
	} else {
		w.Byte(0)
	}
}

// Uint32 writes four bytes.
func (w *Writer) Uint32(v uint32) { binary.LittleEndian.PutUint32(w.Extend(4), v) }

// Uint64 writes eight bytes.
func (w *Writer) Uint64(v uint64) { binary.LittleEndian.PutUint64(w.Extend(8), v) }

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
