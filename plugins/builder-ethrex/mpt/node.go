package mpt

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/rlp"
)

// Kind is the kind of a node, with ethrex's numbers.
type Kind uint8

// The kinds of node.
const (
	Branch Kind = iota
	Extension
	Leaf
	bad
)

// Terminator ends the nibbles of a leaf's path.
const Terminator = 16

// Child is a reference from a node to a child: the hash of a node, or the node
// itself where its RLP has fewer than 32 bytes. No bytes mean that there is no
// child.
type Child struct {
	Raw    []byte // 32 bytes of hash, or the RLP of the child
	Inline bool
}

// Empty reports whether there is no child.
func (c Child) Empty() bool { return c.Inline && len(c.Raw) == 0 }

// Path is a hex-prefix encoded path (yellow paper, appendix C).
type Path []byte

// split returns the number of nibbles to skip at the front.
func (p Path) skip() int {
	if p[0]>>4&1 == 1 {
		return 1
	}
	return 2
}

// IsLeaf reports whether the path ends with the terminator.
func (p Path) IsLeaf() bool { return len(p) > 0 && p[0] >= 0x20 }

// Len returns the number of nibbles, the terminator included.
func (p Path) Len() int {
	if len(p) == 0 {
		return 0
	}
	n := 2*len(p) - p.skip()
	if p.IsLeaf() {
		n++
	}
	return n
}

// Nibbles writes the nibbles, one per byte, the terminator included, to dst,
// which holds Len bytes, and returns dst.
func (p Path) Nibbles(dst []byte) []byte {
	if len(p) == 0 {
		return dst
	}
	out := dst[:0]
	if p.skip() == 1 {
		out = append(out, p[0]&15)
	}
	for _, b := range p[1:] {
		out = append(out, b>>4, b&15)
	}
	if p.IsLeaf() {
		out = append(out, Terminator)
	}
	return out
}

// Node is a decoded node. It refers to the RLP that it was decoded from.
type Node struct {
	Kind     Kind
	Path     Path      // Leaf, Extension
	Value    []byte    // Leaf, Branch
	Children [16]Child // Branch; an extension's child is the first
}

// Decode reads a node. The whole of raw must be one RLP list of 2 or 17 items.
func Decode(raw []byte) (Node, error) {
	var n Node
	items, rest, err := rlp.SplitList(raw)
	if err != nil {
		return n, fmt.Errorf("not one RLP list: %w", err)
	}
	if len(rest) > 0 {
		return n, fmt.Errorf("%d bytes after the RLP list", len(rest))
	}
	count, err := rlp.CountValues(items)
	if err != nil {
		return n, fmt.Errorf("an item that is no RLP: %w", err)
	}
	switch count {
	case 2:
		return decodeShort(items)
	case 17:
		return decodeBranch(items)
	}
	return n, fmt.Errorf("%d items, where a trie node has 2 or 17", count)
}

func decodeShort(items []byte) (n Node, err error) {
	path, rest, err := rlp.SplitString(items)
	if err != nil {
		return n, fmt.Errorf("path: %w", err)
	}
	n.Path = path
	if n.Path.IsLeaf() {
		n.Kind = Leaf
		if n.Value, _, err = rlp.SplitString(rest); err != nil {
			return n, fmt.Errorf("value of the leaf: %w", err)
		}
		return n, nil
	}
	n.Kind = Extension
	n.Children[0], _, err = splitChild(rest)
	if err != nil {
		return n, fmt.Errorf("child of the extension: %w", err)
	}
	return n, nil
}

func decodeBranch(items []byte) (n Node, err error) {
	n.Kind = Branch
	for i := range n.Children {
		if n.Children[i], items, err = splitChild(items); err != nil {
			return n, fmt.Errorf("child %d of the branch: %w", i, err)
		}
	}
	if n.Value, _, err = rlp.SplitString(items); err != nil {
		return n, fmt.Errorf("value of the branch: %w", err)
	}
	return n, nil
}

var errLongChild = errors.New("an inline node of 32 bytes or more")

// splitChild reads the first item as a reference to a child.
func splitChild(items []byte) (Child, []byte, error) {
	// The two forms that nearly all children have.
	if len(items) > 0 && items[0] == 0x80 {
		return Child{Inline: true}, items[1:], nil
	}
	if len(items) > 32 && items[0] == 0xa0 {
		return Child{Raw: items[1:33:33]}, items[33:], nil
	}
	_, _, rest, err := rlp.Split(items)
	if err != nil {
		return Child{}, nil, err
	}
	raw := items[:len(items)-len(rest)]
	if len(raw) >= 32 {
		return Child{}, nil, errLongChild
	}
	return Child{Raw: raw, Inline: true}, rest, nil
}
