package double

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"

	"github.com/proofline/proofline/sdk/zisk/proof"
	"github.com/proofline/proofline/sdk/zisk/proof/prooftest"
)

// layout returns the layout in which the version stores a proof.
func (s *Scenario) layout() proof.Layout {
	switch {
	case s.minor <= 15:
		return proof.Words
	case s.minor == 16:
		return proof.Bincode016
	case s.minor == 17:
		return proof.Bincode017
	case s.minor == 18:
		return proof.Bincode018
	}
	return proof.Bincode100
}

// newProof returns a proof that is sealed, so that the double's verify notices a change.
func (s *Scenario) newProof(elf string, input []byte, minimal bool) (*proof.Proof, error) {
	program := programKey(elf)
	if s.Fail == WrongProgram {
		program[0] ^= 1
	}
	digest := sha256.Sum256(input)
	committed, err := s.publics(input)
	if err != nil {
		return nil, err
	}
	outputs := make([]uint32, (len(committed)+3)/4)
	for i := range outputs {
		outputs[i] = binary.LittleEndian.Uint32(append(committed[4*i:len(committed):len(committed)], 0, 0, 0))
	}
	p := prooftest.New(s.layout(), minimal, program, outputs, s.BodyWords, binary.LittleEndian.Uint64(digest[:]))
	Seal(p)
	if s.Fail == WrongProof {
		p.Body[len(p.Body)/2] ^= 1
	}
	return p, nil
}

// Seal sets the last word of a proof to a checksum of all others, so that the double's
// verify accepts the proof.
func Seal(p *proof.Proof) { p.Body[len(p.Body)-1] = checkWord(p) }

func checkWord(p *proof.Proof) uint64 {
	h := fnv.New64a()
	h.Write(words(p.Publics))
	h.Write(words(p.Body[:len(p.Body)-1]))
	return h.Sum64() >> 1
}

func valid(p *proof.Proof) bool { return p.Body[len(p.Body)-1] == checkWord(p) }

// proofID returns an id of the form that the tool gives proofs: 64 hexadecimal digits that
// depend on the proof's bytes.
func proofID(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func words(w []uint64) []byte {
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, w)
	return b.Bytes()
}
