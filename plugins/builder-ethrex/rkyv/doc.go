// Package rkyv writes and reads archives of rkyv 0.8 (rkyv/rkyv@0.8.12, built
// with the features std and unaligned): little-endian, alignment 1, 32-bit
// relative pointers, the root object at the end. It knows nothing of Ethereum.
//
// # Writing
//
// rkyv serializes every value in two steps: first its out-of-line data, which
// yields positions, then its inline image, in which a pointer is the distance
// from the pointer field itself to its target. The order of both is part of the
// format, because a checking reader refuses any other: fields in declaration
// order, all elements' out-of-line data before the elements' images, and a
// child before its parent. A Writer only ever appends, so a caller follows that
// order by writing in it:
//
//	name := w.Append(text)     // out-of-line data, yields its position
//	record := w.Position()     // the image begins here
//	w.Slice(name, len(text))   // pointer and length
//	w.Uint64(number)
//
// # Reading
//
// A Type describes a layout, Check verifies a whole archive against it and View
// reads fields by name. They are made for hostile bytes: every access is
// bounds-checked, and Check refuses an archive in which two values share bytes,
// as rkyv's own validator does, so that its work is bounded by the archive's
// size.
package rkyv
