// Package rkyv writes and reads archives of rkyv 0.8 (rkyv/rkyv@0.8.12, built
// with the features std and unaligned): little-endian, alignment 1, 32-bit
// relative pointers, the root object at the end. It does not depend on Ethereum.
//
// # Writing
//
// rkyv serializes every value in two steps: first its out-of-line data, which gives
// positions, then its inline image. A pointer in an image is the distance from the pointer
// itself to its target. The order is part of the format, because a checking reader refuses
// any other: fields in declaration order, the out-of-line data of all elements before the
// images of the elements, and a child before its parent. A Writer only appends, so the caller
// must write in that order:
//
//	name := w.Append(text)     // out-of-line data; returns its position
//	record := w.Position()     // the image begins here
//	w.Slice(name, len(text))   // pointer and length
//	w.Uint64(number)
//
// # Reading
//
// A Type describes a layout, Open checks a whole archive against it, and a View reads fields
// by name. Open accepts any bytes. It checks the bounds of every pointer, and like rkyv's own
// validator it refuses an archive in which two values share bytes. So the size of the archive
// limits its work.
package rkyv
