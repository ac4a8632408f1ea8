// Package jsonhex reads JSON that consists mainly of hexadecimal strings, as Ethereum
// nodes serve it, in one pass and without an intermediate tree.
//
// A Reader reads one document, from memory or from a stream. The caller drives
// it: Object and Array call a function for every member or element, and the function
// must consume exactly one value (with Hex, Text, Raw, Skip, a nested Object or
// Array, …). Byte strings are decoded into large blocks of memory as they are read, so
// that a witness of many thousand strings costs few allocations. The whole text of a
// stream is never in memory.
//
// The Reader accepts the grammar of RFC 8259. It is less strict about numbers that are
// skipped, of which it only finds the end. Errors name the byte offset; callers add the
// name of the field.
package jsonhex
