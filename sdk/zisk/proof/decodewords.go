package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxWordsPublics is the largest number of public words in a proof of 0.14 and 0.15, which
// states that number. Real proofs have 68.
const maxWordsPublics = 128

func decodeWords(data []byte) (*Proof, error) {
	words, err := wordsOf(data)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, errors.New("empty")
	}
	n := words[0]
	if n < KeyWords || n > maxWordsPublics || n > uint64(len(words)-1) {
		return nil, fmt.Errorf("%d public words in a file of %d words", n, len(words))
	}
	p := &Proof{Layout: Words, Publics: words[1 : 1+n], Body: words[1+n:]}
	if n > KeyWords {
		if outputs := p.Publics[KeyWords]; outputs > n-KeyWords-1 {
			return nil, fmt.Errorf("%d outputs in %d public words", outputs, n)
		}
	}
	for i, w := range p.Body { // nothing else distinguishes this layout from arbitrary words
		if w >= modulus {
			return nil, fmt.Errorf("word %d of the body is no field element", i)
		}
	}
	return validated(p)
}

// decodeFlat reads the wire form of 0.16 to 1.2. It refuses a key whose last word looks
// like a tag, which one in 2^62 keys does, because such a form could be one of the layout
// Tagged.
func decodeFlat(data []byte) (*Proof, error) {
	words, err := wordsOf(data)
	if err != nil {
		return nil, err
	}
	if len(words) > 0 && looksLikeTag(words[len(words)-1]) {
		return nil, fmt.Errorf("the last word, %#x, is not that of a key", words[len(words)-1])
	}
	p := &Proof{Layout: Flat}
	return p.parts(words, func(n uint64) bool {
		return n == KeyWords+OutputWords || !p.Minimal && n == 1+KeyWords+OutputWords
	})
}

// looksLikeTag reports whether the last word of a file would be read as a tag.
func looksLikeTag(word uint64) bool { return word < uint64(len(families)) || word == seedTag }

// A file of 1.4 may end in the seed of the execution, which has seedWords words, and
// seedTag, the bytes "ZISKSEED".
const (
	seedTag   uint64 = 0x44454553_4b53495a
	seedWords int    = 4
)

// decodeTagged reads the wire form of 1.3 and later, which is also the file of 1.4.
func decodeTagged(data []byte) (*Proof, error) {
	words, err := wordsOf(data)
	if err != nil {
		return nil, err
	}
	p := &Proof{Layout: Tagged}
	if n := len(words); n > seedWords && words[n-1] == seedTag {
		p.Seeded, words = true, words[:n-1-seedWords]
	}
	if len(words) == 0 {
		return nil, errShort
	}
	if p.Family, err = familyOf(words[len(words)-1]); err != nil {
		return nil, err
	}
	return p.parts(words[:len(words)-1], func(n uint64) bool {
		return p.Minimal && n == KeyWords+OutputWords || !p.Minimal && n == 1+KeyWords+OutputWords
	})
}

// parts reads the flag minimal, the count of public words, the public words, the body and
// the setup key. The function count reports whether the count is possible.
func (p *Proof) parts(words []uint64, count func(uint64) bool) (*Proof, error) {
	if len(words) < 2+KeyWords+OutputWords+minBody+KeyWords {
		return nil, fmt.Errorf("%d words", len(words))
	}
	if words[0] > 1 {
		return nil, fmt.Errorf("the first word is %#x and not 0 for a final or 1 for a minimal proof", words[0])
	}
	p.Minimal = words[0] == 1
	n := words[1]
	if !count(n) {
		return nil, fmt.Errorf("%d public words", n)
	}
	p.Publics, p.Body = words[2:2+n], words[2+n:len(words)-KeyWords]
	key, err := keyOfWords(words[len(words)-KeyWords:])
	if err != nil {
		return nil, err
	}
	p.Setup = &key
	return validated(p)
}

// setPublics sets the public words to the program's key and the outputs, with each 32 bits
// of the outputs in a word of its own.
func (p *Proof) setPublics(program Key, outputs []byte) error {
	if len(outputs) != 4*OutputWords {
		return fmt.Errorf("%d bytes of public output, want %d", len(outputs), 4*OutputWords)
	}
	p.Publics = append(make([]uint64, 0, KeyWords+OutputWords), program[:]...)
	for i := range OutputWords {
		p.Publics = append(p.Publics, uint64(binary.LittleEndian.Uint32(outputs[4*i:])))
	}
	return nil
}
