package input

import (
	"encoding/binary"
	"errors"

	"github.com/proofline/proofline/plugins/builder-ethrex/mpt"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
)

// maxHeight is the largest height of a trie. A trie with 32-byte keys has at most 64 levels;
// only invalid nodes nest deeper.
const maxHeight = 1024

var errTooHigh = errors.New("nodes nest deeper than 1024 levels")

// trieSizes computes the exact size of tries before they are written. A node with several
// parents is written once for each of them, so that invalid nodes can give any size. Sizes
// are limited to maxSize.
type trieSizes struct {
	table  *mpt.Table
	sizes  []uint32 // size in bytes by node; 0 where unknown, or for an invalid node without content
	height []int16  // number of levels below a node
}

// maxSize is the size in bytes from which on an archive is too large.
const maxSize = 1 << 31

func newTrieSizes(t *mpt.Table) *trieSizes {
	return &trieSizes{table: t, sizes: make([]uint32, t.Len()), height: make([]int16, t.Len())}
}

// trie returns the size of a trie in bytes, without the image of its root. It fails where an
// entry on the way is no node, and where the size reaches maxSize.
func (m *trieSizes) trie(root mpt.ID) (int64, error) {
	if err := m.visit(root, 0); err != nil {
		return 0, err
	}
	if m.sizes[root] >= maxSize {
		return 0, rkyv.ErrTooLarge
	}
	return int64(m.sizes[root]), nil
}

// unmeasured returns the number of nodes that belong to no trie that was measured.
func (m *trieSizes) unmeasured() (n int) {
	for _, size := range m.sizes {
		if size == 0 {
			n++
		}
	}
	return n
}

func (m *trieSizes) visit(id mpt.ID, depth int) error {
	if m.sizes[id] != 0 {
		return nil
	}
	if depth > maxHeight {
		return errTooHigh
	}
	if err := m.table.Usable(id); err != nil {
		return err
	}
	node := m.table.Node(id)
	size := int64(node.Path().Len() + len(node.Value()))
	if node.Kind == mpt.Branch {
		size += branchSize
	}
	var height int16
	for _, child := range m.table.Links(node) {
		if err := m.visit(child, depth+1); err != nil {
			return err
		}
		size += int64(m.sizes[child]) + nodeSize
		height = max(height, m.height[child]+1)
	}
	if height > maxHeight {
		return errTooHigh
	}
	m.sizes[id], m.height[id] = uint32(min(size, maxSize)), height
	return nil
}

// nodeData holds the positions of a node's out-of-line data.
type nodeData struct {
	kind         mpt.Kind
	path, value  rkyv.Position // of a leaf or an extension; an extension has no value
	pathLen      int
	valueLen     int
	child        rkyv.Position // embedded child of an extension, or None
	childRef     mpt.Child     // child of an extension
	branchObject rkyv.Position // of a branch
}

// nodeData writes the out-of-line data of a node, with all nodes below it that the table has.
func (w *writer) nodeData(t *mpt.Table, id mpt.ID) (d nodeData) {
	node := t.Node(id)
	d.kind = node.Kind
	if node.Kind == mpt.Branch {
		d.branchObject = w.branch(t, node)
		return d
	}
	path := node.Path()
	d.path, d.pathLen = w.Position(), path.Len()
	path.Nibbles(w.Extend(d.pathLen))
	if node.Kind == mpt.Leaf {
		value := node.Value()
		d.value, d.valueLen = w.Append(value), len(value)
		return d
	}
	d.childRef = node.Child(0)
	d.child = w.embedded(t, t.Link(node, 0))
	return d
}

// embedded writes the data and the image of a child that the table has, and returns the
// position of the image. It returns None where the table does not have the child.
func (w *writer) embedded(t *mpt.Table, id mpt.ID) rkyv.Position {
	if id == mpt.None {
		return rkyv.None
	}
	d := w.nodeData(t, id)
	p := w.Position()
	w.node(d)
	return p
}

// branch writes the children, the value and the image of a BranchNode, and returns the
// position of the image.
func (w *writer) branch(t *mpt.Table, node *mpt.Node) rkyv.Position {
	var children [16]rkyv.Position
	for i := range children {
		children[i] = w.embedded(t, t.Link(node, i))
	}
	value := node.Value()
	at := w.Append(value)
	start := w.Position()
	for i := range children {
		w.reference(children[i], node.Child(i))
	}
	w.Slice(at, len(value))
	return start
}

// node writes the image of a Node.
func (w *writer) node(d nodeData) {
	end := w.Position() + nodeSize
	w.Byte(byte(d.kind))
	switch d.kind {
	case mpt.Branch:
		w.Pointer(d.branchObject)
	case mpt.Extension:
		w.nibbles(d)
		w.reference(d.child, d.childRef)
	case mpt.Leaf:
		w.nibbles(d)
		w.Slice(d.value, d.valueLen)
	}
	w.PadTo(end)
}

// nibbles writes the image of Nibbles: data, and already_consumed, which is empty and whose
// pointer leads to the byte after the data.
func (w *writer) nibbles(d nodeData) {
	w.Slice(d.path, d.pathLen)
	w.Slice(d.path+rkyv.Position(d.pathLen), 0)
}

// reference writes the image of a NodeRef: a pointer to the embedded child, or the child's
// hash, or its RLP in 31 bytes and then the length of the RLP.
func (w *writer) reference(child rkyv.Position, c mpt.Child) {
	at := w.Position()
	image := w.Extend(referenceSize)
	clear(image)
	switch {
	case child != rkyv.None:
		binary.LittleEndian.PutUint32(image[1:], uint32(int32(child-at-1)))
	case c.Inline:
		image[0], image[1] = 1, 1
		copy(image[2:33], c.Raw)
		image[33] = byte(len(c.Raw))
	default:
		image[0] = 1
		copy(image[2:], c.Raw)
	}
}
