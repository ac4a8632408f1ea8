package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxWordsPublics bounds the public words of 0.14 and 0.15, which count them;
// real ones have 68.
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
	for i, w := range p.Body { // nothing else tells this layout from any other words
		if w >= modulus {
			return nil, fmt.Errorf("word %d of the body is no field element", i)
		}
	}
	return finish(p)
}

// decodeFlat reads the wire form of 0.16 to 1.2. A key that ends in a word as
// small as a tag comes once in 2^62 keys; such a form is read as Tagged, and
// then has a word too few.
func decodeFlat(data []byte) (*Proof, error) {
	words, err := wordsOf(data)
	if err != nil {
		return nil, err
	}
	if len(words) > 0 && likeTag(words[len(words)-1]) {
		return nil, fmt.Errorf("the last word, %#x, is none of a key", words[len(words)-1])
	}
	p := &Proof{Layout: Flat}
	return p.parts(words, func(n uint64) bool {
		return n == KeyWords+OutputWords || !p.Minimal && n == 1+KeyWords+OutputWords
	})
}

// likeTag reports whether the last word of a file would be taken for a tag.
func likeTag(word uint64) bool { return word < uint64(len(families)) || word == seedTag }

// seedTag closes a file of 1.4 that goes on with the seed of the execution: four
// words and this one, the bytes "ZISKSEED".
const (
	seedTag   uint64 = 0x44454553_4b53495a
	seedWords int    = 4
)

// decodeTagged reads the wire form of 1.3 and later, which 1.4 saves, too.
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

// parts reads minimal, count of publics, publics, body, setup key.
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
	return finish(p)
}

// setPublics builds the public words from the program's key and the packed
// outputs, each 32 bits in a word of its own.
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
