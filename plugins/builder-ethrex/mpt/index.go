package mpt

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// index finds nodes by their hash. It is an open hash table that is at most half
// full. Slots follow from the first bytes of a hash and a seed that nobody knows
// beforehand, so that made-up nodes cannot be chosen to share slots.
type index struct {
	hashes [][32]byte // of nodes, by ID
	slots  []ID       // None is free; a power of two
	seed   uint64
	shift  int
}

// newIndex makes an empty index over a list of hashes.
func newIndex(hashes [][32]byte) index {
	size := bits.Len(uint(2*len(hashes) + 1))
	x := index{hashes: hashes, slots: make([]ID, 1<<size), seed: rand.Uint64() | 1, shift: 64 - size}
	for i := range x.slots {
		x.slots[i] = None
	}
	return x
}

// slot returns where a hash is, or where it belongs.
func (x *index) slot(hash *[32]byte) int {
	at := int(binary.LittleEndian.Uint64(hash[:]) * x.seed >> x.shift)
	for x.slots[at] != None && x.hashes[x.slots[at]] != *hash {
		at = (at + 1) & (len(x.slots) - 1)
	}
	return at
}

// add gives the hash at position i of the list to the node with this ID, at most i,
// and moves it to that position. It reports whether a node has the hash already;
// then nothing is changed.
func (x *index) add(i int, id ID) (known bool) {
	at := x.slot(&x.hashes[i])
	if x.slots[at] != None {
		return true
	}
	x.hashes[id], x.slots[at] = x.hashes[i], id
	return false
}

// find returns the node with this hash, or None.
func (x *index) find(hash *[32]byte) ID { return x.slots[x.slot(hash)] }
