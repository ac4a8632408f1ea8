package verify

import (
	"encoding/binary"
	"fmt"

	"lukechampine.com/blake3"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
	"github.com/proofline/proofline/sdk/zisk/internal/poseidon"
)

// digest is the hash of a leaf or a node.
type digest [4]uint64

// hashSpec identifies a hash function of a table.
type hashSpec struct {
	family string
	width  int
}

// hash is one hash function of a table during one verification.
type hash struct {
	permutation poseidon.Permutation // nil for blake3
	width, rate int
	calls       int // number of permutations, or of calls of blake3
	buffer      []byte
}

func newHash(s hashSpec) (*hash, error) {
	if s.family == "blake3" {
		if s.width != 8 {
			return nil, fmt.Errorf("blake3 of width %d; it hashes 8 words to 4", s.width)
		}
		return &hash{width: s.width}, nil
	}
	p, err := poseidon.New(s.family, s.width)
	if err != nil {
		return nil, err
	}
	return &hash{permutation: p, width: s.width, rate: s.width - 4}, nil
}

// fork returns the same hash function for another goroutine, with a count of its own.
func (h *hash) fork() *hash {
	return &hash{permutation: h.permutation, width: h.width, rate: h.rate}
}

func (h *hash) permute(state []uint64) {
	h.calls++
	h.permutation.Permute(state)
}

// leaf hashes a row of any length. The Poseidon families chain the blocks by
// the first four words of the state and do not encode the length.
func (h *hash) leaf(words []uint64) digest {
	if h.permutation == nil {
		return h.blake(words)
	}
	var cells [poseidon.MaxWidth]uint64
	state := cells[:h.width]
	for len(words) > 0 {
		copy(state[h.rate:], state[:4])
		n := copy(state[:h.rate], words)
		clear(state[n:h.rate])
		words = words[n:]
		h.permute(state)
	}
	return digest(state[:4])
}

// node hashes the concatenated digests of all children of a node. It overwrites the
// children.
func (h *hash) node(children []uint64) digest {
	if h.permutation == nil {
		return h.blake(children)
	}
	h.permute(children)
	return digest(children[:4])
}

// work returns the word that a proof of work must keep below a bound.
func (h *hash) work(challenge goldilocks.Cubic, nonce uint64) uint64 {
	var cells [poseidon.MaxWidth]uint64
	state := cells[:h.width]
	copy(state, challenge[:])
	state[3] = nonce
	if h.permutation == nil {
		return h.blake(state)[0]
	}
	h.permute(state)
	return state[0]
}

func (h *hash) blake(words []uint64) digest {
	h.buffer = appendWords(h.buffer[:0], words)
	return h.blakeBytes(h.buffer)
}

func (h *hash) blakeBytes(data []byte) digest {
	h.calls++
	sum := blake3.Sum256(data)
	var d digest
	for i := range d {
		d[i] = goldilocks.Canonical(binary.LittleEndian.Uint64(sum[8*i:]))
	}
	return d
}

func appendWords(dst []byte, words []uint64) []byte {
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}
