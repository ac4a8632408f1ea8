package proof

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// KeyWords is the number of words of a key.
const KeyWords = 4

// modulus is the order of the Goldilocks field.
const modulus = 0xffff_ffff_0000_0001

// Key is the verification key of a program (the root of its ROM) or of a proving
// setup (the root of its constant columns). Its words are field elements. Its
// text form is 64 hexadecimal digits: the 32 bytes of its file.
type Key [KeyWords]uint64

// ParseKey reads a key from 64 hexadecimal digits, with or without 0x.
func ParseKey(text string) (Key, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(text), "0x"))
	if err != nil || len(raw) != 8*KeyWords {
		return Key{}, fmt.Errorf("%q is not a key: want 64 hexadecimal digits", text)
	}
	return KeyOf(raw)
}

// KeyOf reads a key from the 32 bytes of a key file such as vadcop_final.verkey.bin. It
// fails if a word is not a field element.
func KeyOf(raw []byte) (Key, error) {
	if len(raw) != 8*KeyWords {
		return Key{}, fmt.Errorf("a key has 32 bytes, not %d", len(raw))
	}
	words, err := wordsOf(raw)
	if err != nil {
		return Key{}, err
	}
	return keyOfWords(words)
}

func keyOfWords(words []uint64) (Key, error) {
	if len(words) != KeyWords {
		return Key{}, fmt.Errorf("a key has %d words, not %d", KeyWords, len(words))
	}
	for i, w := range words {
		if w >= modulus {
			return Key{}, fmt.Errorf("word %d of the key is not a field element", i)
		}
	}
	return Key(words), nil
}

// Bytes returns the 32 bytes of the key's file.
func (k Key) Bytes() []byte { return appendWords(nil, k[:]) }

// String returns the text form.
func (k Key) String() string { return hex.EncodeToString(k.Bytes()) }

// MarshalText implements encoding.TextMarshaler.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Key) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKey(string(text))
	return err
}

func wordsOf(data []byte) ([]uint64, error) {
	if len(data)%8 != 0 {
		return nil, fmt.Errorf("%d bytes are no whole number of words", len(data))
	}
	words := make([]uint64, len(data)/8)
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	return words, nil
}

func appendWords(dst []byte, words []uint64) []byte {
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}
