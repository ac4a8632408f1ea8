package jsonhex

import (
	"errors"
	"fmt"
)

// pairs maps two hexadecimal characters, the first one in the low byte, to
// 0x100 plus their value; everything else maps to 0. Valid input touches only a few KiB of
// the table.
var pairs [1 << 16]uint16

func init() {
	const digits = "0123456789abcdefABCDEF"
	value := func(c byte) uint16 {
		switch {
		case c <= '9':
			return uint16(c - '0')
		case c >= 'a':
			return uint16(c - 'a' + 10)
		}
		return uint16(c - 'A' + 10)
	}
	for i := range len(digits) {
		for j := range len(digits) {
			hi, lo := digits[i], digits[j]
			pairs[uint16(hi)|uint16(lo)<<8] = 0x100 | value(hi)<<4 | value(lo)
		}
	}
}

// decode decodes src, an even number of hexadecimal characters of either case, into
// dst, which holds len(src)/2 bytes. dst may start where src starts. It reports whether
// all characters were hexadecimal; if not, the content of dst is undefined.
func decode(dst, src []byte) bool {
	n := len(src) / 2
	dst, src = dst[:n], src[:2*n]
	valid := uint16(0x100)
	i := 0
	for ; i+4 <= n; i += 4 {
		s, d := src[2*i:2*i+8:2*i+8], dst[i:i+4:i+4]
		a := pairs[uint16(s[0])|uint16(s[1])<<8]
		b := pairs[uint16(s[2])|uint16(s[3])<<8]
		c := pairs[uint16(s[4])|uint16(s[5])<<8]
		e := pairs[uint16(s[6])|uint16(s[7])<<8]
		valid &= a & b & c & e
		d[0], d[1], d[2], d[3] = byte(a), byte(b), byte(c), byte(e)
	}
	for ; i < n; i++ {
		a := pairs[uint16(src[2*i])|uint16(src[2*i+1])<<8]
		valid &= a
		dst[i] = byte(a)
	}
	return valid != 0
}

// DecodeInPlace returns the bytes of a text of 0x and an even number of
// hexadecimal digits. The result is a part of text, which it overwrites.
func DecodeInPlace(text []byte) ([]byte, error) {
	return decodeText(text, func(n int) []byte { return text[2 : 2+n : 2+n] })
}

// decodeText decodes a text of 0x and hexadecimal digits into the memory that take returns
// for the number of bytes.
func decodeText(text []byte, take func(n int) []byte) ([]byte, error) {
	if len(text) < 2 || text[0] != '0' || text[1]|0x20 != 'x' {
		return nil, fmt.Errorf("want a string that begins with 0x, have %s", Excerpt(text))
	}
	digits := text[2:]
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("odd number of hexadecimal digits (%d)", len(digits))
	}
	out := take(len(digits) / 2)
	if !decode(out, digits) {
		return nil, errors.New("a character that is no hexadecimal digit in the string")
	}
	return out, nil
}

// arena hands out memory from blocks, so that a document of many strings costs
// few allocations. Blocks grow with the document.
type arena struct {
	block []byte // the part of the last block that is still free
	size  int    // size of the last block
}

const (
	firstBlock = 8 << 10
	lastBlock  = 256 << 10
)

func (a *arena) take(n int) []byte {
	if n > len(a.block) || a.block == nil {
		if n > lastBlock/4 {
			return make([]byte, n)
		}
		a.size = min(max(firstBlock, 2*a.size), lastBlock)
		a.block = make([]byte, max(a.size, n))
	}
	out := a.block[:n:n]
	a.block = a.block[n:]
	return out
}
