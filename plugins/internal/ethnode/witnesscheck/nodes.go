package witnesscheck

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// maxKept is the largest total size, in bytes, of the trie nodes that are kept to
// follow paths. A larger witness, far above those of mainnet, is checked without that.
const maxKept = 32 << 20

// shortHash is the first eight bytes of a 32-byte hash. With a million nodes two of
// them have the same shortHash with a chance of about 1 in 10^8. A check may then miss
// a fault, but never reports one that does not exist.
type shortHash uint64

func shorten(hash []byte) shortHash { return shortHash(binary.BigEndian.Uint64(hash)) }

var (
	emptyRoot = shorten(types.EmptyRootHash[:])
	emptyCode = shorten(types.EmptyCodeHash[:])
)

// nodeSet holds the trie nodes of a witness and the hashes that they refer to. The batch
// must be flushed after the last add and before any other method is called. It is not safe
// for concurrent use.
type nodeSet struct {
	hasher   crypto.KeccakState
	nodes    []shortHash // one per node
	refs     []shortHash // references to child nodes and to the storage tries of accounts
	codes    []shortHash // references to the codes of accounts
	notNodes int         // number of entries that are no trie nodes

	kept  map[shortHash][]byte // the encoded nodes; nil once they exceed maxKept
	size  int                  // total size of kept in bytes
	batch batch
}

func newNodeSet() *nodeSet {
	s := &nodeSet{hasher: crypto.NewKeccakState(), kept: make(map[shortHash][]byte)}
	s.batch.use = s.addHashed
	return s
}

// add adds a node. It does not keep the slice.
func (s *nodeSet) add(node []byte) {
	items, ok := split(node)
	if !ok {
		s.notNodes++
		return
	}
	s.addReferences(items)
	s.batch.add(node)
}

// addHashed adds a node of the batch. It reports whether it keeps the slice.
func (s *nodeSet) addHashed(node []byte, hash [32]byte) (keeps bool) {
	m := shorten(hash[:])
	s.nodes = append(s.nodes, m)
	if s.size += len(node); s.size > maxKept {
		s.kept = nil
	}
	if s.kept == nil {
		return false
	}
	s.kept[m] = node
	return true
}

// has reports whether the set has the node with this hash. It may take linear time.
func (s *nodeSet) has(hash []byte) bool {
	if s.kept != nil {
		_, ok := s.kept[shorten(hash)]
		return ok
	}
	return slices.Contains(s.nodes, shorten(hash))
}

// unreferenced returns the number of nodes, other than the root, that no node refers to.
func (s *nodeSet) unreferenced(root []byte) int {
	left := make(map[shortHash]struct{}, len(s.nodes))
	for _, m := range s.nodes {
		left[m] = struct{}{}
	}
	delete(left, shorten(root))
	for _, m := range s.refs {
		delete(left, m)
	}
	return len(left)
}

// item is one item of an RLP-encoded node.
type item struct {
	kind     rlp.Kind
	content  []byte // content without the prefix
	encoding []byte // a list with its prefix; nil for a string
}

// split decodes the items of a node. A leaf or an extension has two items, a branch
// seventeen.
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
			items[n].encoding = content[:len(content)-len(after)]
		}
		content = after
		n++
	}
	if n == 2 {
		items[16].kind = -1 // isBranch tests this
		return items, items[0].kind != rlp.List && len(items[0].content) > 0
	}
	return items, n == 17
}

func isBranch(items *[17]item) bool { return items[16].kind >= 0 }

// isLeaf reads the flag in the hex-prefix encoding of a node with two items.
func isLeaf(items *[17]item) bool { return items[0].content[0]&0x20 != 0 }

// addReferences adds the hashes in a node, and in the nodes embedded in it, to refs and
// codes.
func (s *nodeSet) addReferences(items [17]item) {
	child := func(it item) {
		switch {
		case it.kind == rlp.List:
			if inner, ok := split(it.encoding); ok {
				s.addReferences(inner)
			}
		case len(it.content) == 32:
			s.refs = append(s.refs, shorten(it.content))
		}
	}
	switch {
	case isBranch(&items):
		for _, it := range items[:16] {
			child(it)
		}
	case isLeaf(&items):
		root, code, ok := account(items[1].content)
		if ok && shorten(root) != emptyRoot {
			s.refs = append(s.refs, shorten(root))
		}
		if ok && shorten(code) != emptyCode {
			s.codes = append(s.codes, shorten(code))
		}
	default:
		child(items[1])
	}
}

// account decodes the storage root and the code hash of an account's leaf, which holds
// nonce, balance, storage root and code hash. ok is false where value is no account.
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

// strayCodes returns the number of codes that no account refers to, not counting the
// first allowed bytes of them and the empty code. It sorts both lists.
func (s *nodeSet) strayCodes(codes []code, allowed int) int {
	slices.SortFunc(codes, func(a, b code) int { return cmp.Compare(a.shortHash, b.shortHash) })
	slices.Sort(s.codes)
	count, refs := 0, s.codes
	for i, c := range codes {
		if c.shortHash == emptyCode || i > 0 && c.shortHash == codes[i-1].shortHash {
			continue
		}
		for len(refs) > 0 && refs[0] < c.shortHash {
			refs = refs[1:]
		}
		if len(refs) > 0 && refs[0] == c.shortHash {
			continue
		}
		if allowed -= c.size; allowed < 0 {
			count++
		}
	}
	return count
}

// walk follows the path of a key's hash from the root. It returns the value of the key,
// nil where the trie has none, or the hash of the first missing node on the path. The
// nodes must have been kept.
func (s *nodeSet) walk(root, key []byte) (value, missing []byte) {
	path := crypto.HashData(s.hasher, key)
	depth := 0 // in nibbles
	nibble := func() byte {
		b := path[depth/2]
		if depth%2 == 0 {
			b >>= 4
		}
		depth++
		return b & 15
	}
	node, ok := s.kept[shorten(root)]
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
			node = next.encoding
		case len(next.content) == 32:
			if node, ok = s.kept[shorten(next.content)]; !ok {
				return nil, next.content
			}
		default:
			return nil, nil
		}
	}
}
