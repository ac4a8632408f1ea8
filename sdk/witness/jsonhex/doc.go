// Package jsonhex reads JSON whose payload is hexadecimal strings, as Ethereum
// nodes serve it, in one pass and without an intermediate tree.
//
// A Reader walks one document, in memory or read in pieces. The caller drives
// it: Object and Array call back for every member or element, and each callback
// must consume exactly one value (Hex, Text, Raw, Skip, a nested Object or
// Array, …). Byte strings are decoded as they are met, into large blocks, so that
// a witness of many thousand strings costs few allocations and its text is never
// in memory as a whole.
//
// The Reader accepts the grammar of RFC 8259, except that numbers and literals
// are only delimited, not examined, where they are skipped. Errors name the
// byte offset; callers add the field.
package jsonhex
