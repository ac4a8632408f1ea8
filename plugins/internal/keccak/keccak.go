// Package keccak computes the Keccak-256 hashes of many inputs at once, for example of
// the nodes of a witness.
package keccak

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cloudflare/circl/simd/keccakf1600"
	"github.com/ethereum/go-ethereum/crypto"
)

// Keccak-256 absorbs its input in blocks of rate bytes. StateX4 has lanes states.
const (
	rate  = 136
	lanes = 4
)

// Hasher computes Keccak-256 hashes, four at a time where the processor can
// (AVX2). It is not safe for concurrent use.
type Hasher struct {
	wide  *keccakf1600.StateX4
	words []uint64 // the state of wide: word i of lane j is words[lanes*i+j]
	order []int    // indexes of the inputs, the longest first
}

// New returns a hasher.
func New() *Hasher {
	h := new(Hasher)
	if keccakf1600.IsEnabledX4() {
		h.wide = new(keccakf1600.StateX4)
		h.words = h.wide.Initialize(false)
	}
	return h
}

// Hash writes the hash of each input to the output with the same index. outputs must
// be at least as long as inputs.
func (h *Hasher) Hash(inputs [][]byte, outputs [][32]byte) {
	if h.wide == nil {
		state := crypto.NewKeccakState()
		for i, input := range inputs {
			state.Reset()
			state.Write(input)
			state.Read(outputs[i][:])
		}
		return
	}
	// Inputs with the same number of blocks fill the lanes best.
	h.order = h.order[:0]
	for i := range inputs {
		h.order = append(h.order, i)
	}
	slices.SortFunc(h.order, func(a, b int) int { return cmp.Compare(len(inputs[b]), len(inputs[a])) })
	for group := range slices.Chunk(h.order, lanes) {
		h.four(group, inputs, outputs)
	}
}

// four hashes up to four inputs, the longest first.
func (h *Hasher) four(group []int, inputs [][]byte, outputs [][32]byte) {
	clear(h.words)
	for block := range len(inputs[group[0]])/rate + 1 {
		for lane, i := range group {
			if block <= len(inputs[i])/rate {
				h.absorb(lane, inputs[i][block*rate:])
			}
		}
		h.wide.Permute()
		for lane, i := range group {
			if block == len(inputs[i])/rate {
				for word := range 4 {
					binary.LittleEndian.PutUint64(outputs[i][8*word:], h.words[lanes*word+lane])
				}
			}
		}
	}
}

// absorb adds the first block of rest to a lane. It pads the last block of an input.
func (h *Hasher) absorb(lane int, rest []byte) {
	if len(rest) < rate {
		var last [rate]byte
		copy(last[:], rest)
		last[len(rest)] = 0x01
		last[rate-1] |= 0x80
		rest = last[:]
	}
	words := h.words[lane : lane+lanes*(rate/8-1)+1]
	for word := range rate / 8 {
		words[lanes*word] ^= binary.LittleEndian.Uint64(rest[8*word:])
	}
}
