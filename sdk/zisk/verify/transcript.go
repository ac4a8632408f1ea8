package verify

import (
	"encoding/binary"
	"io"

	"lukechampine.com/blake3"

	"github.com/proofline/proofline/sdk/zisk/internal/goldilocks"
	"github.com/proofline/proofline/sdk/zisk/internal/poseidon"
)

// transcript derives the challenges from the words to which the prover has committed. With
// Poseidon it is a sponge. With blake3 the challenges are the output stream of the hash of
// all words that were put so far.
type transcript struct {
	h       *hash
	pending []uint64 // words that were put and not yet permuted
	cap     digest
	out     []uint64 // words that squeeze returns before it permutes again

	data   []byte    // blake3: all words that were put
	stream io.Reader // blake3: the output stream
}

func newTranscript(h *hash) *transcript { return &transcript{h: h} }

func (t *transcript) put(words ...uint64) {
	if t.h.permutation == nil {
		t.data, t.stream = appendWords(t.data, words), nil
		return
	}
	for _, w := range words {
		t.pending, t.out = append(t.pending, w), nil
		if len(t.pending) == t.h.rate {
			t.permute()
		}
	}
}

func (t *transcript) permute() {
	state := make([]uint64, t.h.width, poseidon.MaxWidth)
	copy(state, t.pending)
	copy(state[t.h.rate:], t.cap[:])
	t.h.permute(state)
	t.cap, t.pending, t.out = digest(state[:4]), t.pending[:0], state
}

// digest returns the hash of the words that were put into a new transcript.
func (t *transcript) digest() digest {
	if t.h.permutation == nil {
		return t.h.blakeBytes(t.data)
	}
	if len(t.pending) > 0 {
		t.permute()
	}
	return t.cap
}

func (t *transcript) squeeze() uint64 {
	if t.h.permutation == nil {
		if t.stream == nil {
			t.h.calls++
			hasher := blake3.New(32, nil)
			_, _ = hasher.Write(t.data)
			t.stream = hasher.XOF()
		}
		var word [8]byte
		_, _ = io.ReadFull(t.stream, word[:]) // the stream has 2^64 bytes
		return goldilocks.Canonical(binary.LittleEndian.Uint64(word[:]))
	}
	if len(t.out) == 0 {
		t.permute()
	}
	w := t.out[0]
	t.out = t.out[1:]
	return w
}

func (t *transcript) cubic() goldilocks.Cubic {
	return goldilocks.Cubic{t.squeeze(), t.squeeze(), t.squeeze()}
}

// indices squeezes n numbers of the given bits. It uses 63 bits of each word.
func (t *transcript) indices(n, bits int) []int {
	out := make([]int, n)
	var word uint64
	left := 0
	for i := range out {
		for b := range bits {
			if left == 0 {
				word, left = t.squeeze(), 63
			}
			out[i] |= int(word&1) << b
			word >>= 1
			left--
		}
	}
	return out
}

// digestOf hashes words with a new transcript.
func digestOf(h *hash, words []uint64) digest {
	t := newTranscript(h)
	t.put(words...)
	return t.digest()
}
