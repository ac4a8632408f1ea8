package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// reader reads values from the front of data and keeps the first error. After an
// error every value is zero. It allocates no more memory than the data can fill.
type reader struct {
	data []byte
	err  error
}

var errShort = errors.New("the proof is cut off")

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.data = nil
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.fail(errShort)
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) u8() byte {
	if b := r.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); len(b) == 4 {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// words reads n words of eight bytes each.
func (r *reader) words(n uint64) []uint64 {
	if n > uint64(len(r.data))/8 || n > maxBody {
		r.fail(errShort)
		return nil
	}
	words, _ := wordsOf(r.bytes(8 * n))
	return words
}

// varint reads an integer in the standard configuration of bincode 2. An integer below
// 251 is one byte; every other is a marker byte and two, four or eight bytes. A longer
// form than needed is refused, so that a proof has only one encoding.
func (r *reader) varint() uint64 {
	switch marker := r.u8(); marker {
	case 251:
		if b := r.bytes(2); len(b) == 2 {
			return r.atLeast(uint64(binary.LittleEndian.Uint16(b)), 251)
		}
		return 0
	case 252:
		return r.atLeast(uint64(r.u32()), 1<<16)
	case 253:
		return r.atLeast(r.u64(), 1<<32)
	case 254, 255:
		r.fail(fmt.Errorf("integer marker %d", marker))
		return 0
	default:
		return uint64(marker)
	}
}

// atLeast fails if n is below the smallest integer that needs its form.
func (r *reader) atLeast(n, lowest uint64) uint64 {
	if r.err == nil && n < lowest {
		r.fail(fmt.Errorf("%d is encoded longer than needed", n))
		return 0
	}
	return n
}

// varints reads n integers, each of at least one byte.
func (r *reader) varints(n uint64) []uint64 {
	if n > uint64(len(r.data)) || n > maxBody {
		r.fail(errShort)
		return nil
	}
	words := make([]uint64, n)
	for i := range words {
		words[i] = r.varint()
	}
	if r.err != nil {
		return nil
	}
	return words
}

// maxText is the length in bytes of the longest name of a hash family.
const maxText = 64

func (r *reader) text(n uint64) string {
	if n > maxText {
		r.fail(fmt.Errorf("a name of %d bytes", n))
		return ""
	}
	b := r.bytes(n)
	if !utf8.Valid(b) {
		r.fail(errors.New("a name is no UTF-8"))
		return ""
	}
	return string(b)
}

// end returns the first error, or an error if bytes are left.
func (r *reader) end() error {
	if r.err == nil && len(r.data) > 0 {
		return fmt.Errorf("%d bytes are left over", len(r.data))
	}
	return r.err
}
