// Package prooftest writes proofs in every layout that package proof reads, for
// tests and for test doubles of the prover. The proofs prove nothing.
package prooftest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/proofline/proofline/plugins/internal/zisk/proof"
)

// New returns a proof with the given program key and outputs, whose body begins
// with the marker of a test double and goes on with words drawn from seed.
func New(layout proof.Layout, minimal bool, program proof.Key, outputs []uint32, bodyWords int, seed uint64) *proof.Proof {
	p := &proof.Proof{Layout: layout, Minimal: minimal, Publics: append([]uint64(nil), program[:]...)}
	if layout == proof.Words {
		p.Publics = append(p.Publics, uint64(len(outputs)))
		for _, o := range outputs {
			p.Publics = append(p.Publics, uint64(o))
		}
	} else {
		for i := range proof.OutputWords {
			var w uint64
			if i < len(outputs) {
				w = uint64(outputs[i])
			}
			p.Publics = append(p.Publics, w)
		}
		if layout != proof.Ere && layout != proof.Bincode016 {
			p.Setup = &proof.Key{11, 22, 33, 44}
		}
	}
	switch layout {
	case proof.Bincode100, proof.Bincode110, proof.Ere:
		p.Hash = "Poseidon1"
	}
	rng := rand.New(rand.NewPCG(seed, seed))
	p.Body = proof.TestMarker()
	for len(p.Body) < bodyWords {
		p.Body = append(p.Body, rng.Uint64()%0xffff_ffff_0000_0001)
	}
	return p
}

// Encode writes the proof in its layout.
func Encode(p *proof.Proof) []byte {
	le := binary.LittleEndian
	program := p.Program()
	var outputs []byte
	for _, w := range p.Publics[len(p.Publics)-min(proof.OutputWords, len(p.Publics)):] {
		outputs = le.AppendUint32(outputs, uint32(w))
	}
	var b []byte
	bytes64 := func(data []byte) { b = append(le.AppendUint64(b, uint64(len(data))), data...) }
	flag := func() byte {
		if p.Minimal {
			return 1
		}
		return 0
	}
	switch p.Layout {
	case proof.Words:
		return words(words(le.AppendUint64(nil, uint64(len(p.Publics))), p.Publics), p.Body)
	case proof.Flat:
		b = words(nil, []uint64{uint64(flag()), uint64(len(p.Publics))})
		return append(words(words(b, p.Publics), p.Body), p.Setup.Bytes()...)
	case proof.Ere:
		b = words(le.AppendUint64(nil, uint64(len(p.Body))), p.Body)
		b = append(words(le.AppendUint64(b, uint64(len(p.Publics))), p.Publics), flag())
		if p.Hash != "" {
			bytes64([]byte(p.Hash))
		}
		return b
	case proof.Bincode016:
		b = le.AppendUint32(nil, 1+uint32(flag()))
		bytes64(words(nil, p.Body))
		bytes64(outputs)
		b = le.AppendUint64(b, 0)
		bytes64(program.Bytes())
		return b
	case proof.Bincode017:
		b = le.AppendUint32(nil, uint32(flag()))
		bytes64(words(nil, p.Body))
		bytes64(outputs)
		bytes64(program.Bytes())
		bytes64(p.Setup.Bytes())
		return b
	case proof.Bincode018, proof.Bincode100, proof.Bincode110:
		b = varints(append(b, 0), p.Body)
		b = varints(b, p.Setup[:])
		if p.Layout == proof.Bincode110 {
			b = append(b, 2*flag())
		} else {
			b = append(b, flag())
		}
		if p.Layout != proof.Bincode018 {
			b = append(varint(b, uint64(len(p.Hash))), p.Hash...)
		}
		if p.Layout == proof.Bincode110 {
			b = varints(b, p.Publics)
		}
		b = append(varint(b, uint64(len(outputs))), outputs...)
		return varints(b, program[:])
	}
	panic(fmt.Sprintf("prooftest: unknown layout %q", p.Layout))
}

// Skippable returns a frame that decoders of zstd skip, holding the text: it
// marks a compressed file as made by a test double.
func Skippable(text string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2A50)
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
}

func words(b []byte, words []uint64) []byte {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func varint(b []byte, n uint64) []byte {
	switch {
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 251), uint16(n))
	case n < 1<<32:
		return binary.LittleEndian.AppendUint32(append(b, 252), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(b, 253), n)
}

func varints(b []byte, words []uint64) []byte {
	b = varint(b, uint64(len(words)))
	for _, w := range words {
		b = varint(b, w)
	}
	return b
}
