package mpt

import (
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/rlp"
)

// Kind is the kind of a node. The numbers are ethrex's.
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

// Child is a reference from a node to a child: the hash of the child, or the child itself
// where its RLP has fewer than 32 bytes. Without bytes there is no child.
type Child struct {
	Raw    []byte // the hash, 32 bytes, or the RLP of the child
	Inline bool
}

// Empty reports whether there is no child.
func (c Child) Empty() bool { return c.Inline && len(c.Raw) == 0 }

// Path is a hex-prefix encoded path (yellow paper, appendix C).
type Path []byte

// skip returns the number of nibbles at the front that belong to the prefix: 1 for an odd
// path, 2 for an even one.
func (p Path) skip() int {
	if p[0]>>4&1 == 1 {
		return 1
	}
	return 2
}

// IsLeaf reports whether the path ends with the terminator.
func (p Path) IsLeaf() bool { return len(p) > 0 && p[0] >= 0x20 }

// Len returns the number of nibbles including the terminator.
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

// Nibbles writes the nibbles including the terminator to dst, one in each byte. dst must hold
// Len bytes. It returns the part of dst that it has written.
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
	Kind Kind

	// Set by a Table.
	linked uint16 // bit i is set where the table has child i
	links  int32  // index of the first link in Table.links

	items    []byte     // content of the RLP list
	children [16]uint16 // offset of each child in items, after the path of an extension
}

// The methods below ignore the errors of package rlp, because Decode has read every item.

// Path returns the path of a leaf or an extension, nil for a branch.
func (n *Node) Path() Path {
	if n.Kind == Branch || n.Kind == bad {
		return nil
	}
	path, _, _ := rlp.SplitString(n.items)
	return path
}

// Value returns the value of a leaf or a branch, nil where it is empty and for an extension.
func (n *Node) Value() []byte {
	var rest []byte
	switch n.Kind {
	case Leaf:
		_, rest, _ = rlp.SplitString(n.items)
	case Branch:
		last := n.children[15]
		rest = n.items[int(last)+childSize(n.items[last:]):]
	}
	if len(rest) == 0 || rest[0] == emptyItem {
		return nil
	}
	value, _, _ := rlp.SplitString(rest)
	return value
}

// The first bytes of the two forms of nearly all children: an empty string and a string of 32
// bytes.
const (
	emptyItem = 0x80
	hashItem  = 0xa0
)

// width returns the number of children that a node of this kind can have.
func (n *Node) width() int {
	switch n.Kind {
	case Branch:
		return 16
	case Extension:
		return 1
	}
	return 0
}

// Child returns child i of a branch, or the child of an extension, whose number is 0.
func (n *Node) Child(i int) Child {
	rest := n.items
	if n.Kind == Extension {
		_, rest, _ = rlp.SplitString(rest)
	}
	switch rest = rest[n.children[i]:]; rest[0] {
	case emptyItem:
		return Child{Inline: true}
	case hashItem:
		return Child{Raw: rest[1:33:33]}
	default:
		size := childSize(rest)
		return Child{Raw: rest[:size:size], Inline: true}
	}
}

// childSize returns the size in bytes of the first item of rest, a child that split has read.
func childSize(rest []byte) int {
	switch rest[0] {
	case emptyItem:
		return 1
	case hashItem:
		return 1 + 32
	}
	_, _, after, _ := rlp.Split(rest)
	return len(rest) - len(after)
}

// Decode decodes a node into n, which keeps raw. raw must be exactly one RLP list of 2 or 17
// items. Decode sets only the fields of the node's kind.
func (n *Node) Decode(raw []byte) error {
	items, rest, err := rlp.SplitList(raw)
	if err != nil {
		return fmt.Errorf("not one RLP list: %w", err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes after the RLP list", len(rest))
	}
	// Nearly all nodes are branches, and no other kind decodes as a branch.
	at, branchErr := n.branch(items)
	if branchErr == nil {
		return nil
	}
	count, err := rlp.CountValues(items)
	switch {
	case err != nil:
		return fmt.Errorf("an item that is no RLP: %w", err)
	case count == 2:
		return n.short(items)
	case count == 17 && at < 16:
		return fmt.Errorf("child %d of the branch: %w", at, branchErr)
	case count == 17:
		return fmt.Errorf("value of the branch: %w", branchErr)
	}
	return fmt.Errorf("%d items, where a trie node has 2 or 17", count)
}

// branch decodes exactly 16 children and a value. at is the number of the item that is at
// fault where err is not nil.
func (n *Node) branch(items []byte) (at int, err error) {
	n.Kind, n.items = Branch, items
	rest := items
	for i := range n.children {
		if rest, err = n.split(i, items, rest); err != nil {
			return i, err
		}
	}
	if _, rest, err = rlp.SplitString(rest); err != nil {
		return 16, err
	}
	if len(rest) > 0 {
		return 17, errMoreItems
	}
	return 0, nil
}

// short decodes a leaf or an extension.
func (n *Node) short(items []byte) error {
	path, rest, err := rlp.SplitString(items)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	n.items = items
	if Path(path).IsLeaf() {
		n.Kind = Leaf
		if _, _, err = rlp.SplitString(rest); err != nil {
			return fmt.Errorf("value of the leaf: %w", err)
		}
		return nil
	}
	n.Kind = Extension
	if _, err = n.split(0, rest, rest); err != nil {
		return fmt.Errorf("child of the extension: %w", err)
	}
	return nil
}

var (
	errLongChild = errors.New("an inline node of 32 bytes or more")
	errMoreItems = errors.New("items after the value of the branch")
)

// split reads the first item of rest as child i and returns the items after it. items are all
// items from which the offset of the child counts.
func (n *Node) split(i int, items, rest []byte) ([]byte, error) {
	n.children[i] = uint16(len(items) - len(rest))
	if len(rest) > 0 && rest[0] == emptyItem {
		return rest[1:], nil
	}
	if len(rest) > 32 && rest[0] == hashItem {
		return rest[33:], nil
	}
	_, _, after, err := rlp.Split(rest)
	if err != nil {
		return nil, err
	}
	if len(rest)-len(after) >= 32 {
		return nil, errLongChild
	}
	return after, nil
}
