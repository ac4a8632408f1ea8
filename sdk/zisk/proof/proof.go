package proof

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Layout is an encoding of a proof.
type Layout string

// The layouts. The package comment describes them.
const (
	Words      Layout = "words"
	Bincode016 Layout = "bincode-0.16"
	Bincode017 Layout = "bincode-0.17"
	Bincode018 Layout = "bincode-0.18"
	Bincode100 Layout = "bincode-1.0"
	Bincode110 Layout = "bincode-1.1"
	Bincode140 Layout = "bincode-1.4"
	Flat       Layout = "flat"
	Tagged     Layout = "tagged"
	Ere        Layout = "ere"
)

// Sizes of a proof's parts.
const (
	OutputWords = 64 // number of words of public output, each a 32-bit value
	// MaxSize is the size in bytes of the largest proof that is read. Real proofs have
	// 250 to 380 kB.
	MaxSize = 4 << 20
	// minBody and maxBody are the smallest and largest number of words of a body. Real
	// bodies have over 30,000. minBody is above maxWordsPublics, so that the first word of
	// a file distinguishes the layouts Words and Ere.
	minBody = 256
	maxBody = 1 << 18
)

// Proof is a decoded STARK proof.
type Proof struct {
	Layout  Layout
	Minimal bool // whether it is a minimal (compressed) proof and not a final one
	// Publics are all public words as the verifier takes them: the flag "is final" from
	// release 1.1 on, then the program's key, then the outputs.
	Publics []uint64
	Body    []uint64 // the STARK itself
	Setup   *Key     // key of the proving setup; nil if the layout has none
	Family  Family   // family of hash functions; empty if the layout does not state it
	// Seeded is true for a file with the seed of the execution. The seed is no part of
	// the proof, and the wire form leaves it out.
	Seeded bool
}

// Program returns the program's verification key.
func (p *Proof) Program() Key {
	return Key(p.Publics[p.flagWords() : p.flagWords()+KeyWords])
}

// Outputs returns the guest's public outputs: four bytes for each output word, in
// little-endian order.
func (p *Proof) Outputs() []byte {
	words := p.Publics[p.flagWords()+KeyWords:]
	if p.Layout == Words && len(words) > 0 { // the first word is the number of outputs that follow
		words = words[1 : 1+words[0]]
	}
	out := make([]byte, 0, 4*len(words))
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, uint32(w))
	}
	return out
}

// Aggregate reports whether the proof states that it combines other proofs. Such a proof
// does not prove a single run of its program.
func (p *Proof) Aggregate() bool { return p.flagWords() == 1 && p.Publics[0] == 0 }

// flagWords returns 1 if the public words begin with the flag of 1.1 and later, else 0.
func (p *Proof) flagWords() int {
	if p.Layout != Words && len(p.Publics) == 1+KeyWords+OutputWords {
		return 1
	}
	return 0
}

// validated returns the proof after the checks that all layouts share.
func validated(p *Proof) (*Proof, error) {
	if n := len(p.Body); n < minBody || n > maxBody {
		return nil, fmt.Errorf("the body has %d words", n)
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

// testMarker is the text with which a test double of the prover marks its proofs. It
// stands at the beginning of the body, and in plain text in a compressed file.
const testMarker = "PROOFLINE-TEST-DOUBLE"

// TestMarker returns the words with which the body of a test double's proof begins. Such a
// proof must never be sent to a verifier.
func TestMarker() []uint64 {
	words, _ := wordsOf(append([]byte(testMarker), 0, 0, 0))
	return words
}

// IsTest reports whether a test double has made the proof.
func (p *Proof) IsTest() bool {
	return bytes.HasPrefix(appendWords(nil, p.Body[:min(len(p.Body), 3)]), []byte(testMarker))
}
