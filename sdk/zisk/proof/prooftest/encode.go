// Package prooftest writes proofs in every layout that package proof reads, for
// tests and for test doubles of the prover. It serialises the types that ZisK
// publishes by the rules of bincode, and shares no code with package proof. The proofs
// that New makes are not valid.
package prooftest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/proofline/proofline/sdk/zisk/proof"
)

// New returns a proof with the given program key and outputs. Its body has bodyWords
// words: the marker of a test double, followed by random words from the seed.
func New(layout proof.Layout, minimal bool, program proof.Key, outputs []uint32, bodyWords int, seed uint64) *proof.Proof {
	p := &proof.Proof{Layout: layout, Minimal: minimal}
	switch layout {
	case proof.Tagged, proof.Bincode110, proof.Bincode140:
		if !minimal {
			p.Publics = append(p.Publics, 1)
		}
	}
	p.Publics = append(p.Publics, program[:]...)
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
	case proof.Bincode100, proof.Bincode110, proof.Bincode140, proof.Tagged, proof.Ere:
		p.Family = proof.Poseidon1
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
	program := p.Program()
	own := p.Publics // without the flag
	if len(own) == 69 {
		own = own[1:]
	}
	var outputs []byte
	if p.Layout != proof.Words {
		for _, w := range own[4:] {
			outputs = binary.LittleEndian.AppendUint32(outputs, uint32(w))
		}
	}
	flag := variant(0)
	if p.Minimal {
		flag = 1
	}
	switch p.Layout {
	case proof.Words: // Source: eth-act/ere:crates/zkvm/zisk@v0.4.0; the count, then the words
		return words(words(binary.LittleEndian.AppendUint64(nil, uint64(len(p.Publics))), p.Publics), p.Body)
	case proof.Flat:
		return words(nil, wire(p))
	case proof.Tagged:
		return words(nil, file140(p))
	case proof.Ere: // VadcopFinalProof of the proof system
		f := struct {
			Proof, Publics []uint64
			Minimal        bool
		}{p.Body, p.Publics, p.Minimal}
		b := bincode(nil, f, false)
		if p.Family != "" {
			b = bincode(b, name(p.Family), false)
		}
		return b
	case proof.Bincode016:
		var f file016
		f.Proof.Kind, f.Proof.Bytes = 1+flag, words(nil, p.Body)
		f.Publics.Data, f.Program.VK = outputs, program.Bytes()
		return bincode(nil, f, false)
	case proof.Bincode017:
		var f file017
		f.Kind, f.Bytes, f.Publics.Data = flag, words(nil, p.Body), outputs
		f.Program.VK, f.Setup = program.Bytes(), p.Setup.Bytes()
		return bincode(nil, f, false)
	case proof.Bincode018:
		var f file018
		f.Body.Proof, f.Body.Setup, f.Body.Minimal = p.Body, p.Setup[:], p.Minimal
		f.Publics.Data, f.Program.VK = outputs, program[:]
		return bincode(nil, f, true)
	case proof.Bincode100:
		var f file100
		f.Body.Proof, f.Body.Setup, f.Body.Minimal, f.Body.Hash = p.Body, p.Setup[:], p.Minimal, name(p.Family)
		f.Publics.Data, f.Program = outputs, programVK{program[:], mode(p.Family)}
		return bincode(nil, f, true)
	case proof.Bincode110, proof.Bincode140:
		var f file110
		f.Body.Proof, f.Body.Setup, f.Body.Hash, f.Body.Publics = p.Body, p.Setup[:], name(p.Family), own
		switch {
		case p.Minimal:
			f.Body.Flavor = 2
		case p.Publics[0] == 0:
			f.Body.Flavor = 1
		}
		f.Program = programVK{program[:], mode(p.Family)}
		if p.Layout == proof.Bincode110 {
			return bincode(nil, f, true)
		}
		m := message140{Proof: f}
		if p.Seeded {
			m.Seed = new([32]byte)
		}
		return bincode(nil, m, true)
	}
	panic(fmt.Sprintf("prooftest: unknown layout %q", p.Layout))
}

// Skippable returns a zstd frame with a text that decoders skip. A test double marks its
// compressed files with it.
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
