package verify

import (
	"math/bits"
	"slices"

	"github.com/proofline/proofline/sdk/zisk/internal/poseidon"
)

// tree is a committed Merkle tree with the openings that a proof holds of it.
type tree struct {
	name     string
	bits     int      // the tree has 2^bits leaves
	levels   int      // number of levels that an opening hashes; those above are checked by top
	columns  int      // number of words of a leaf
	rows     []uint64 // the opened leaves of all queries
	siblings []uint64 // the siblings of all queries; empty in a multiproof
	top      []uint64 // the digests of the lowest level that no opening hashes
	root     digest
}

func (t *tree) row(query int) []uint64 {
	return t.rows[query*t.columns : (query+1)*t.columns]
}

// branching is the shape that all trees of a table share.
type branching struct {
	arity int // 2 or 4
	last  int // number of levels that are checked once, by the top, and not by every opening
}

// levels returns the number of levels that an opening climbs in a tree of
// 2^leaves leaves.
func (b branching) levels(leaves int) int {
	per := bits.Len(uint(b.arity)) - 1
	return max(0, (leaves+per-1)/per-b.last)
}

// siblingWords returns the number of words that an opening has for each level.
func (b branching) siblingWords() int { return 4 * (b.arity - 1) }

// topNodes returns the number of digests of a top, including padding.
func (b branching) topNodes() int {
	if b.last == 0 {
		return 0
	}
	n := 1
	for range b.last {
		n *= b.arity
	}
	return n
}

// usedNodes returns how many digests of a top are nodes of a tree of 2^leaves
// leaves. The others are padding.
func (b branching) usedNodes(leaves int) int {
	n := 1 << leaves
	for n > b.topNodes() {
		n = (n + b.arity - 1) / b.arity
	}
	return n
}

// climb hashes from the leaf at index up to the top, and returns the digest and the index
// of the node that it reaches there.
func (b branching) climb(h *hash, d digest, index int, siblings []uint64) (digest, int) {
	var cells [poseidon.MaxWidth]uint64
	children := cells[:4*b.arity]
	per := b.siblingWords()
	for ; len(siblings) > 0; siblings = siblings[per:] {
		at := 4 * (index % b.arity)
		index /= b.arity
		copy(children[:at], siblings)
		copy(children[at:], d[:])
		copy(children[at+4:], siblings[at:per])
		d = h.node(children)
	}
	return d, index
}

// reduce hashes the used digests of a top to their root. If a level does not
// fill its last node, zeros fill it.
func (b branching) reduce(h *hash, top []uint64, used int) digest {
	nodes := slices.Clone(top[:4*used])
	for len(nodes) > 4 {
		if rest := len(nodes) % (4 * b.arity); rest > 0 {
			nodes = append(nodes, make([]uint64, 4*b.arity-rest)...)
		}
		n := 0
		for i := 0; i < len(nodes); i += 4 * b.arity {
			d := h.node(nodes[i : i+4*b.arity])
			n += copy(nodes[n:], d[:])
		}
		nodes = nodes[:n]
	}
	return digest(nodes[:4])
}

// checkTop rejects a tree whose top does not hash to its root and, with strict, padding
// that is not zero.
func (b branching) checkTop(h *hash, t *tree, strict bool) error {
	if b.last == 0 {
		return nil
	}
	used := b.usedNodes(t.bits)
	if b.reduce(h, t.top, used) != t.root {
		return reject(StepTree, "the top of the tree %s does not hash to its root", t.name)
	}
	for _, w := range t.top[4*used:] {
		if w != 0 && strict {
			return reject(StepForm, "the padding of the tree %s is not zero", t.name)
		}
	}
	return nil
}

// checkOpening rejects the row of a query if it is not the leaf at index.
func (b branching) checkOpening(leaf, node *hash, t *tree, query, index int) error {
	per := t.levels * b.siblingWords()
	d, rest := b.climb(node, leaf.leaf(t.row(query)), index, t.siblings[query*per:(query+1)*per])
	want := t.root
	if b.last > 0 {
		want = digest(t.top[4*rest:])
	}
	if d != want {
		return reject(StepTree, "query %d is not in the tree %s", query, t.name)
	}
	return nil
}
