package witnesscheck

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// maxKept bounds the bytes of trie nodes that are kept to walk along; a larger
// witness, far above those of mainnet, is checked without the walks.
const maxKept = 32 << 20

// mark stands for a 32-byte hash: its first eight bytes. Two nodes of one
// witness share a mark with a chance of about 1 in 10^8 for a million nodes,
// and then a check sees less, never too much.
type mark uint64

func markOf(hash []byte) mark { return mark(binary.BigEndian.Uint64(hash)) }

var (
	emptyRoot = markOf(types.EmptyRootHash[:])
	emptyCode = markOf(types.EmptyCodeHash[:])
)

// nodeSet is the trie nodes of a witness and what they refer to.
type nodeSet struct {
	hasher crypto.KeccakState
	nodes  []mark // one a node
	refs   []mark // of children, and of the storage tries of accounts
	codes  []mark // of the codes of accounts
	odd    int    // entries that are no trie nodes

	kept  map[mark][]byte // the nodes, in pieces of arena; nil once there are too many
	size  int             // of the kept ones, in bytes
	arena []byte          // free space for further ones
}

func newNodeSet() *nodeSet {
	return &nodeSet{hasher: crypto.NewKeccakState(), kept: make(map[mark][]byte)}
}

// add takes a node; it does not keep the slice.
func (s *nodeSet) add(node []byte) {
	items, ok := split(node)
	if !ok {
		s.odd++
		return
	}
	hash := crypto.HashData(s.hasher, node)
	m := markOf(hash[:])
	s.nodes = append(s.nodes, m)
	s.refer(items)
	if s.kept == nil {
		return
	}
	if s.size += len(node); s.size > maxKept {
		s.kept, s.arena = nil, nil
		return
	}
	if len(s.arena) < len(node) {
		s.arena = make([]byte, max(256<<10, len(node)))
	}
	n := copy(s.arena, node)
	s.kept[m], s.arena = s.arena[:n:n], s.arena[n:]
}

// has reports whether the node with this hash is there. It is meant for a few
// questions after the last add.
func (s *nodeSet) has(hash []byte) bool {
	if s.kept != nil {
		_, ok := s.kept[markOf(hash)]
		return ok
	}
	return slices.Contains(s.nodes, markOf(hash))
}

// unreferenced counts the nodes, other than the root, that no node refers to.
// It ends the adding: the order of what was added is lost.
func (s *nodeSet) unreferenced(root []byte) int {
	slices.Sort(s.nodes)
	slices.Sort(s.refs)
	count, top, refs := 0, markOf(root), s.refs
	for i, m := range s.nodes {
		if m == top || i > 0 && m == s.nodes[i-1] {
			continue
		}
		for len(refs) > 0 && refs[0] < m {
			refs = refs[1:]
		}
		if len(refs) == 0 || refs[0] != m {
			count++
		}
	}
	return count
}

// item is one item of a node: the content of a string, or a whole list.
type item struct {
	kind    rlp.Kind
	content []byte // of a string
	whole   []byte // of a list, with its prefix
}

// split takes a node apart: two items are a leaf or an extension, seventeen a
// branch.
func split(node []byte) (items [17]item, ok bool) {
	content, rest, err := rlp.SplitList(node)
	if err != nil || len(rest) > 0 {
		return items, false
	}
	n := 0
	for len(content) > 0 {
		kind, inner, after, err := rlp.Split(content)
		if err != nil || n == len(items) {
			return items, false
		}
		items[n] = item{kind: kind, content: inner}
		if kind == rlp.List {
			items[n].whole = content[:len(content)-len(after)]
		}
		content = after
		n++
	}
	if n == 2 {
		items[16].kind = -1 // tells the two apart
		return items, items[0].kind != rlp.List && len(items[0].content) > 0
	}
	return items, n == 17
}

func isBranch(items *[17]item) bool { return items[16].kind >= 0 }

// isLeaf reads the flag of the hex-prefix encoding.
func isLeaf(items *[17]item) bool { return items[0].content[0]&0x20 != 0 }

// refer collects the hashes in a node, and in the nodes embedded in it.
func (s *nodeSet) refer(items [17]item) {
	child := func(it item) {
		switch {
		case it.kind == rlp.List:
			if inner, ok := split(it.whole); ok {
				s.refer(inner)
			}
		case len(it.content) == 32:
			s.refs = append(s.refs, markOf(it.content))
		}
	}
	switch {
	case isBranch(&items):
		for _, it := range items[:16] {
			child(it)
		}
	case isLeaf(&items):
		root, code, ok := account(items[1].content)
		if ok && markOf(root) != emptyRoot {
			s.refs = append(s.refs, markOf(root))
		}
		if ok && markOf(code) != emptyCode {
			s.codes = append(s.codes, markOf(code))
		}
	default:
		child(items[1])
	}
}

// account returns two of the items of an account's leaf: nonce, balance, storage
// root, code hash.
func account(value []byte) (root, code []byte, ok bool) {
	content, rest, err := rlp.SplitList(value)
	if err != nil || len(rest) > 0 {
		return nil, nil, false
	}
	for range 2 {
		if _, _, content, err = rlp.Split(content); err != nil {
			return nil, nil, false
		}
	}
	root, content, err = rlp.SplitString(content)
	if err != nil || len(root) != 32 {
		return nil, nil, false
	}
	code, rest, err = rlp.SplitString(content)
	return root, code, err == nil && len(code) == 32 && len(rest) == 0
}

// strayCodes counts the codes that no account refers to, beyond so many bytes of
// them. The empty code, which every account without code has, is none of them. It
// sorts both lists.
func (s *nodeSet) strayCodes(codes []code, allowed int) int {
	slices.SortFunc(codes, func(a, b code) int { return cmp.Compare(a.mark, b.mark) })
	slices.Sort(s.codes)
	count, refs := 0, s.codes
	for i, c := range codes {
		if c.mark == emptyCode || i > 0 && c.mark == codes[i-1].mark {
			continue
		}
		for len(refs) > 0 && refs[0] < c.mark {
			refs = refs[1:]
		}
		if len(refs) > 0 && refs[0] == c.mark {
			continue
		}
		if allowed -= c.size; allowed < 0 {
			count++
		}
	}
	return count
}

// walk follows the path of a key's hash from the root. It returns the value there,
// nil where the trie has none, or the hash of the first node on the way that is
// missing. It needs the nodes to be kept.
func (s *nodeSet) walk(root, key []byte) (value, missing []byte) {
	path := crypto.HashData(s.hasher, key)
	depth := 0 // nibbles
	nibble := func() byte {
		b := path[depth/2]
		if depth%2 == 0 {
			b >>= 4
		}
		depth++
		return b & 15
	}
	node, ok := s.kept[markOf(root)]
	if !ok {
		return nil, root
	}
	for {
		items, ok := split(node)
		if !ok {
			return nil, nil
		}
		next := items[1]
		if isBranch(&items) {
			if depth == 64 {
				return nil, nil
			}
			next = items[nibble()]
		} else {
			prefix := items[0].content
			odd := int(prefix[0] >> 4 & 1)
			if depth+2*(len(prefix)-1)+odd > 64 {
				return nil, nil
			}
			if odd == 1 && prefix[0]&15 != nibble() {
				return nil, nil
			}
			for _, b := range prefix[1:] {
				if b != nibble()<<4|nibble() {
					return nil, nil // another key's path: this one is not in the trie
				}
			}
		}
		switch {
		case !isBranch(&items) && isLeaf(&items):
			return next.content, nil
		case next.kind == rlp.List:
			node = next.whole
		case len(next.content) == 32:
			if node, ok = s.kept[markOf(next.content)]; !ok {
				return nil, next.content
			}
		default:
			return nil, nil
		}
	}
}
