package proof

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// decoders holds a decoder for each layout.
var decoders = map[Layout]func([]byte) (*Proof, error){
	Words: decodeWords, Flat: decodeFlat, Ere: decodeEre,
	Bincode016: decodeBincode016, Bincode017: decodeBincode017,
	Bincode018: func(b []byte) (*Proof, error) { return decodeBincode2(b, Bincode018) },
	Bincode100: func(b []byte) (*Proof, error) { return decodeBincode2(b, Bincode100) },
	Bincode110: func(b []byte) (*Proof, error) { return decodeBincode2(b, Bincode110) },
}

// order is the order in which layouts are tried. No file fits two of them: each
// decoder accounts for every byte and checks the public words.
var order = []Layout{Flat, Ere, Bincode017, Bincode016, Bincode100, Bincode018, Bincode110, Words}

// minBody is the least number of words of a proof proper; real ones have over
// 30,000. It is above maxWordsPublics so that the first word of a file tells
// the layouts Words and Ere apart.
const minBody = 256

// finish checks what every layout has in common.
func finish(p *Proof) (*Proof, error) {
	if len(p.Body) < minBody {
		return nil, fmt.Errorf("the proof proper has %d words", len(p.Body))
	}
	for i, w := range p.Body {
		if w >= modulus {
			return nil, fmt.Errorf("word %d of the proof proper is no field element", i)
		}
	}
	outputs := p.flagWords() + KeyWords
	if len(p.Publics) < outputs {
		return nil, fmt.Errorf("%d public words hold no program key", len(p.Publics))
	}
	for i, w := range p.Publics {
		if w >= modulus || i >= outputs && w > 0xffff_ffff {
			return nil, fmt.Errorf("public word %d is %#x", i, w)
		}
	}
	if p.flagWords() == 1 && p.Publics[0] > 1 {
		return nil, fmt.Errorf("the flag before the public words is %d", p.Publics[0])
	}
	return p, nil
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
	return finish(p)
}

func decodeFlat(data []byte) (*Proof, error) {
	words, err := wordsOf(data)
	if err != nil {
		return nil, err
	}
	if len(words) < 2+KeyWords+OutputWords+minBody+KeyWords {
		return nil, fmt.Errorf("%d words", len(words))
	}
	n := words[1]
	if words[0] > 1 || n != KeyWords+OutputWords && n != 1+KeyWords+OutputWords {
		return nil, fmt.Errorf("the file begins with %#x, %#x, not with a flag and the number of public words", words[0], words[1])
	}
	p := &Proof{Layout: Flat, Minimal: words[0] == 1, Publics: words[2 : 2+n]}
	rest := words[2+n:]
	// From 1.3 on a last word names the hash. A word of a key is this small
	// once in 2^62 keys.
	if tag := rest[len(rest)-1]; tag < uint64(len(hashTags)) {
		p.Hash = hashTags[tag]
		rest = rest[:len(rest)-1]
	}
	if len(rest) < minBody+KeyWords {
		return nil, fmt.Errorf("%d words after the public ones", len(rest))
	}
	p.Body = rest[:len(rest)-KeyWords]
	key, err := KeyOf(appendWords(nil, rest[len(rest)-KeyWords:]))
	if err != nil {
		return nil, err
	}
	p.Setup = &key
	return finish(p)
}

// hashTags names the hash functions by the tag of 1.3 and later.
// Source: 0xPolygonHermez/zisk:verifier/src/decode.rs@6886fbb.
var hashTags = []string{"Poseidon1", "Poseidon2", "blake3"}

func decodeEre(data []byte) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: Ere, Body: r.words(r.u64())}
	if r.err == nil && len(r.data) == 8*KeyWords+4*OutputWords { // 0.16: the program's key, then the outputs
		program, outputs := r.bytes(8*KeyWords), r.bytes(4*OutputWords)
		if err := p.setPublics(program, outputs); err != nil {
			return nil, err
		}
		return finish(p)
	}
	p.Publics = r.words(r.u64())
	switch r.u8() {
	case 0:
	case 1:
		p.Minimal = true
	default:
		r.fail(errors.New("the minimal flag is neither 0 nor 1"))
	}
	if r.err == nil && len(r.data) > 0 {
		p.Hash = r.text(r.u64())
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if n := len(p.Publics); n != KeyWords+OutputWords && n != 1+KeyWords+OutputWords {
		return nil, fmt.Errorf("%d public words", n)
	}
	return finish(p)
}

func decodeBincode016(data []byte) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: Bincode016}
	switch tag := r.u32(); tag {
	case 1:
	case 2:
		p.Minimal = true
	default:
		return nil, fmt.Errorf("proof kind %d is no STARK proof", tag)
	}
	body := r.bytes(r.u64())
	outputs := r.bytes(r.u64())
	r.u64() // the read position of the outputs
	program := r.bytes(r.u64())
	if err := r.end(); err != nil {
		return nil, err
	}
	return p.fromBytes(body, program, outputs)
}

func decodeBincode017(data []byte) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: Bincode017}
	switch tag := r.u32(); tag {
	case 0:
	case 1:
		p.Minimal = true
	default:
		return nil, fmt.Errorf("proof kind %d is no STARK proof", tag)
	}
	body := r.bytes(r.u64())
	outputs := r.bytes(r.u64())
	program := r.bytes(r.u64())
	setup := r.bytes(r.u64())
	if err := r.end(); err != nil {
		return nil, err
	}
	key, err := KeyOf(setup)
	if err != nil {
		return nil, err
	}
	p.Setup = &key
	return p.fromBytes(body, program, outputs)
}

func decodeBincode2(data []byte, layout Layout) (*Proof, error) {
	r := reader{data: data}
	p := &Proof{Layout: layout}
	if tag := r.varint(); tag != 0 {
		return nil, fmt.Errorf("proof kind %d is no STARK proof", tag)
	}
	p.Body = r.varints(r.varint())
	setup := r.varints(r.varint())
	var full []uint64
	switch layout {
	case Bincode110:
		switch kind := r.varint(); kind { // Final, Recurser, Minimal
		case 0, 1:
		case 2:
			p.Minimal = true
		default:
			return nil, fmt.Errorf("unknown kind of proof %d", kind)
		}
		p.Hash = r.text(r.varint())
		full = r.varints(r.varint())
	default:
		switch r.u8() {
		case 0:
		case 1:
			p.Minimal = true
		default:
			r.fail(errors.New("the minimal flag is neither 0 nor 1"))
		}
		if layout == Bincode100 {
			p.Hash = r.text(r.varint())
		}
	}
	outputs := r.bytes(r.varint())
	program := r.varints(r.varint())
	if err := r.end(); err != nil {
		return nil, err
	}
	key, err := KeyOf(appendWords(nil, setup))
	if err != nil {
		return nil, fmt.Errorf("setup key: %w", err)
	}
	p.Setup = &key
	if err := p.setPublics(appendWords(nil, program), outputs); err != nil {
		return nil, err
	}
	if len(full) > 0 {
		own := p.Publics
		p.Publics = full
		if n := len(full); n != len(own) && n != 1+len(own) {
			return nil, fmt.Errorf("%d public words", n)
		}
		if p.Program() != Key(program) {
			return nil, errors.New("the public words name another program than the proof")
		}
	}
	return finish(p)
}

// fromBytes completes a proof from the byte fields of bincode 1.
func (p *Proof) fromBytes(body, program, outputs []byte) (*Proof, error) {
	var err error
	if p.Body, err = wordsOf(body); err != nil {
		return nil, err
	}
	if err := p.setPublics(program, outputs); err != nil {
		return nil, err
	}
	return finish(p)
}

// setPublics builds the public words from the program's key and the packed
// outputs, each 32 bits in a word of its own.
func (p *Proof) setPublics(program, outputs []byte) error {
	key, err := KeyOf(program)
	if err != nil {
		return fmt.Errorf("program key: %w", err)
	}
	if len(outputs) != 4*OutputWords {
		return fmt.Errorf("%d bytes of public output, want %d", len(outputs), 4*OutputWords)
	}
	p.Publics = append(make([]uint64, 0, KeyWords+OutputWords), key[:]...)
	for i := range OutputWords {
		p.Publics = append(p.Publics, uint64(binary.LittleEndian.Uint32(outputs[4*i:])))
	}
	return nil
}
