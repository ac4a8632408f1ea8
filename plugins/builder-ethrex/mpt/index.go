package mpt

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// index finds nodes by their hash. It is a hash table with open addressing that is at most
// half full. The slot follows from the first bytes of a hash and a random seed, so that a
// witness cannot be made whose nodes all have the same slot.
type index struct {
	hashes [][32]byte // hashes of the nodes by ID
	slots  []ID       // None where free; the length is a power of two
	seed   uint64
	shift  int
}

// newIndex returns an empty index over a list of hashes. It keeps the slice.
func newIndex(hashes [][32]byte) index {
	size := bits.Len(uint(2*len(hashes) + 1))
	x := index{hashes: hashes, slots: make([]ID, 1<<size), seed: rand.Uint64() | 1, shift: 64 - size}
	for i := range x.slots {
		x.slots[i] = None
	}
	return x
}

// slot returns the slot of a hash, or the free slot for it.
func (x *index) slot(hash *[32]byte) int {
	at := int(binary.LittleEndian.Uint64(hash[:]) * x.seed >> x.shift)
	for x.slots[at] != None && x.hashes[x.slots[at]] != *hash {
		at = (at + 1) & (len(x.slots) - 1)
	}
	return at
}

// add assigns the hash at position i of the list to the node id and moves it to position id,
// which must be at most i. It reports whether a node has the hash already, and then changes
// nothing.
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
