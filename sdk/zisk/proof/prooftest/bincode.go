package prooftest

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

// bincode appends a value in the form in which serde and bincode serialise it: fields in
// their order and without names, sequences after their length. With varint it uses the
// standard configuration of bincode 2, without it that of bincode 1, which is also the
// legacy configuration of bincode 2.
// Source: bincode-org/bincode:docs/spec.md@v2.0.1.
func bincode(b []byte, value any, varint bool) []byte {
	return appendValue(b, reflect.ValueOf(value), varint)
}

func appendValue(b []byte, v reflect.Value, varint bool) []byte {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			b = appendValue(b, v.Field(i), varint)
		}
	case reflect.Pointer: // Option
		if v.IsNil() {
			return append(b, 0)
		}
		return appendValue(append(b, 1), v.Elem(), varint)
	case reflect.Slice:
		b = appendInteger(b, uint64(v.Len()), varint)
		for i := range v.Len() {
			b = appendValue(b, v.Index(i), varint)
		}
	case reflect.Array:
		for i := range v.Len() {
			b = appendValue(b, v.Index(i), varint)
		}
	case reflect.String:
		return append(appendInteger(b, uint64(v.Len()), varint), v.String()...)
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Uint8:
		return append(b, byte(v.Uint()))
	case reflect.Uint32:
		if !varint {
			return binary.LittleEndian.AppendUint32(b, uint32(v.Uint()))
		}
		return appendInteger(b, v.Uint(), varint)
	case reflect.Uint64:
		return appendInteger(b, v.Uint(), varint)
	default:
		panic(fmt.Sprintf("prooftest: bincode of %s", v.Type()))
	}
	return b
}

func appendInteger(b []byte, n uint64, varint bool) []byte {
	switch {
	case !varint:
		return binary.LittleEndian.AppendUint64(b, n)
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 251), uint16(n))
	case n < 1<<32:
		return binary.LittleEndian.AppendUint32(append(b, 252), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(b, 253), n)
}
