package rkyv

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// ErrTooLarge means that an archive is larger than 32-bit relative pointers can span.
var ErrTooLarge = errors.New("archive larger than 2 GiB, which 32-bit relative pointers cannot span")

// Position is an offset in bytes from the start of the archive.
type Position int

// None is the position of something that was not written.
const None Position = -1

// invalid is the value of a null pointer. It points into itself.
const invalid = 1

// bufferSize is the number of bytes that a Writer buffers.
const bufferSize = 64 << 10

// Writer appends to an archive. It keeps only the last bytes in memory. The zero value
// discards the bytes and only counts positions.
type Writer struct {
	out     io.Writer // nil where the bytes are only counted
	buf     []byte    // bytes that are not written to out yet
	flushed Position  // number of bytes before buf
	err     error     // first error of out
}

// NewWriter returns a writer that writes the archive to out in large parts.
func NewWriter(out io.Writer) *Writer {
	return &Writer{out: out, buf: make([]byte, 0, bufferSize)}
}

// Position returns the position of the next byte.
func (w *Writer) Position() Position { return w.flushed + Position(len(w.buf)) }

// Finish writes the rest and returns the size of the archive in bytes. The error is that of
// the underlying writer, or ErrTooLarge. The writer must not be used afterwards.
func (w *Writer) Finish() (int64, error) {
	w.flush()
	size := w.Position()
	if w.err == nil && size > math.MaxInt32 {
		w.err = ErrTooLarge
	}
	return int64(size), w.err
}

// flush writes the buffer to out. After an error it only counts the bytes.
func (w *Writer) flush() {
	w.flushed += Position(len(w.buf))
	w.writeOut(w.buf)
	w.buf = w.buf[:0]
}

func (w *Writer) writeOut(b []byte) {
	if w.out != nil && w.err == nil && len(b) > 0 {
		_, w.err = w.out.Write(b)
	}
}

// Append writes bytes and returns the position of the first.
func (w *Writer) Append(b []byte) Position {
	p := w.Position()
	if len(b) > cap(w.buf)-len(w.buf) {
		w.flush()
		if len(b) >= bufferSize {
			w.flushed += Position(len(b))
			w.writeOut(b)
			return p
		}
	}
	w.buf = append(w.buf, b...)
	return p
}

// Extend appends n bytes and returns them. Their content is undefined, and the caller must
// set all of them. The slice is valid until the next call.
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

// PadTo writes zero bytes up to the position. It does nothing where the writer is already
// beyond it.
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

// Limbs writes a number that consists of several 64-bit limbs, the lowest first.
func (w *Writer) Limbs(words []uint64) {
	for _, v := range words {
		w.Uint64(v)
	}
}

// Pointer writes a relative pointer to the target: an i32 that counts from its own first
// byte. For None it writes the null pointer.
func (w *Writer) Pointer(target Position) {
	if target == None {
		w.Uint32(invalid)
		return
	}
	w.Uint32(uint32(int32(target - w.Position())))
}

// Slice writes the image of a Vec: the pointer to its first element and the number of
// elements. For an empty Vec first is the position at which elements would have been written,
// as in rkyv.
func (w *Writer) Slice(first Position, n int) {
	w.Pointer(first)
	w.Uint32(uint32(n))
}

// ByteStrings writes the out-of-line data of a Vec<Vec<u8>>: all contents and then all images.
// It returns the position of the images, for Slice.
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
