package proof

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Layout names an encoding; see the package comment.
type Layout string

// The layouts.
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
	OutputWords = 64 // words of public output, each a 32-bit value
	// MaxSize bounds a stored proof in bytes; real ones have 250 to 380 kB.
	MaxSize = 4 << 20
	// minBody and maxBody bound the words of a body; real ones have over 30,000.
	// minBody is above maxWordsPublics so that the first word of a file tells the
	// layouts Words and Ere apart.
	minBody = 256
	maxBody = 1 << 18
)

// Proof is a decoded STARK proof.
type Proof struct {
	Layout  Layout
	Minimal bool
	// Publics are all public words as the verifier takes them: where the release
	// has it the flag "is final", then the program's key, then the outputs.
	Publics []uint64
	Body    []uint64 // the proof proper
	Setup   *Key     // key of the proving setup; nil where the layout has none
	Family  Family   // of hash functions; empty where the layout does not say it
	// Seeded is set for a file with the seed that the execution drew. It is no
	// part of the proof, and the wire form leaves it out.
	Seeded bool
}

// Program returns the program's verification key.
func (p *Proof) Program() Key {
	return Key(p.Publics[p.flagWords() : p.flagWords()+KeyWords])
}

// Outputs returns the guest's public outputs: 32 bits of each output word,
// little-endian.
func (p *Proof) Outputs() []byte {
	words := p.Publics[p.flagWords()+KeyWords:]
	if p.Layout == Words && len(words) > 0 { // the first word counts the outputs that follow
		words = words[1 : 1+words[0]]
	}
	out := make([]byte, 0, 4*len(words))
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, uint32(w))
	}
	return out
}

// Aggregate reports whether the proof says of itself that it combines others. It
// is then no proof of one run of its program.
func (p *Proof) Aggregate() bool { return p.flagWords() == 1 && p.Publics[0] == 0 }

// flagWords is 1 where the publics begin with the flag of 1.1 and later.
func (p *Proof) flagWords() int {
	if p.Layout != Words && len(p.Publics) == 1+KeyWords+OutputWords {
		return 1
	}
	return 0
}

// finish checks what every layout has in common.
func finish(p *Proof) (*Proof, error) {
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

// testMarker is what a test double of the prover puts at the start of a proof's
// body, and, as it is, into a compressed file.
const testMarker = "PROOFLINE-TEST-DOUBLE"

// TestMarker returns the words with which the body of a proof begins that was
// made by a test double and must never reach a verifier.
func TestMarker() []uint64 {
	words, _ := wordsOf(append([]byte(testMarker), 0, 0, 0))
	return words
}

// IsTest reports whether a test double made the proof.
func (p *Proof) IsTest() bool {
	return bytes.HasPrefix(appendWords(nil, p.Body[:min(len(p.Body), 3)]), []byte(testMarker))
}
