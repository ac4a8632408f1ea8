package keccak

import (
	"math/rand/v2"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
)

func TestHasherEqualsKeccak256(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	wide, narrow := New(), new(Hasher)
	if wide.wide == nil {
		t.Log("the processor has no AVX2: only the plain way is tested")
	}
	for _, count := range []int{0, 1, 2, 3, 4, 5, 64, 1200} {
		inputs := make([][]byte, count)
		for i := range inputs {
			n := i
			if count < 100 {
				n = int(random.Uint64() % 700)
			}
			inputs[i] = make([]byte, n)
			random.Read(inputs[i])
		}
		for _, h := range []*Hasher{wide, narrow} {
			outputs := make([][32]byte, count)
			h.Hash(inputs, outputs)
			for i := range inputs {
				if outputs[i] != [32]byte(crypto.Keccak256(inputs[i])) {
					t.Fatalf("%d inputs, one of %d bytes: wrong hash", count, len(inputs[i]))
				}
			}
		}
	}
}

func BenchmarkHash(b *testing.B) {
	inputs := make([][]byte, 64)
	outputs := make([][32]byte, len(inputs))
	for i := range inputs {
		inputs[i] = make([]byte, 532)
	}
	for _, h := range []struct {
		name string
		*Hasher
	}{{"wide", New()}, {"plain", new(Hasher)}} {
		b.Run(h.name, func(b *testing.B) {
			b.SetBytes(64 * 532)
			for b.Loop() {
				h.Hash(inputs, outputs)
			}
		})
	}
}
