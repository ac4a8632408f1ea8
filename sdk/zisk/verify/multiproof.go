package verify

import "slices"

// multiproofTag is the first word of a body in which the openings of a tree share their
// siblings. It is not a field element.
// Source: proofman-verifier 1.4.0-alpha:src/multiproof.rs.
const multiproofTag uint64 = 0xffff_ffff_ffff_0001

// node is a digest at its place in a level.
type node struct {
	index  int
	digest digest
}

// siblings returns how many digests the shared opening of the leaves at indices reads
// from a proof. These are the nodes that are needed on the paths to the top and that
// cannot be computed from the opened leaves.
func (b branching) siblings(t *tree, indices []int) int {
	level := slices.Compact(slices.Sorted(slices.Values(indices)))
	n := 0
	for range t.levels {
		below := len(level)
		for i := range level {
			level[i] /= b.arity
		}
		level = slices.Compact(level)
		n += len(level)*b.arity - below
	}
	return n
}

// checkShared hashes all opened rows of a tree up to its top, and rejects rows that are
// not in the tree. The siblings are the words of exactly those digests that the method
// siblings counts.
func (b branching) checkShared(leaf, parent *hash, t *tree, indices []int, siblings []uint64) error {
	level := make([]node, 0, len(indices))
	for query, index := range indices {
		level = append(level, node{index, leaf.leaf(t.row(query))})
	}
	slices.SortStableFunc(level, func(a, b node) int { return a.index - b.index })
	for i := 1; i < len(level); i++ {
		if level[i].index == level[i-1].index && level[i].digest != level[i-1].digest {
			return reject(StepTree, "two rows of the tree %s for the same leaf differ", t.name)
		}
	}
	level = slices.CompactFunc(level, func(a, b node) bool { return a.index == b.index })
	children := make([]uint64, 4*b.arity)
	for range t.levels {
		var above []node
		for len(level) > 0 {
			at := level[0].index / b.arity
			for j := range b.arity {
				to := children[4*j : 4*j+4]
				if len(level) > 0 && level[0].index == at*b.arity+j {
					copy(to, level[0].digest[:])
					level = level[1:]
					continue
				}
				copy(to, siblings[:4])
				siblings = siblings[4:]
			}
			above = append(above, node{at, parent.node(children)})
		}
		level = above
	}
	for _, n := range level {
		want := t.root
		if b.last > 0 {
			want = digest(t.top[4*n.index:])
		}
		if n.digest != want {
			return reject(StepTree, "the queries are not in the tree %s", t.name)
		}
	}
	return nil
}
