package input

import (
	"encoding/binary"
	"errors"

	"github.com/proofline/proofline/plugins/builder-ethrex/mpt"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
)

// maxHeight bounds the nesting of nodes. A trie over 32-byte keys cannot be
// higher than 64; only made-up nodes are.
const maxHeight = 1024

var errTooHigh = errors.New("nodes nest deeper than 1024 levels")

// measure finds the exact size of tries before they are written. A node that
// several parents refer to is written once for each of them, so sizes can grow
// beyond all bounds for made-up nodes; they are capped at maxSize.
type measure struct {
	table  *mpt.Table
	sizes  []uint32 // by node; 0 is unknown, or a made-up node without content
	height []int16
}

const maxSize = 1 << 31

func newMeasure(t *mpt.Table) *measure {
	return &measure{table: t, sizes: make([]uint32, t.Len()), height: make([]int16, t.Len())}
}

// trie returns the bytes that a trie takes, its root's image not included. It
// fails where it meets an entry that is no node, and where the trie is larger
// than any archive.
func (m *measure) trie(root mpt.ID) (int64, error) {
	if err := m.visit(root, 0); err != nil {
		return 0, err
	}
	if m.sizes[root] >= maxSize {
		return 0, rkyv.ErrTooLarge
	}
	return int64(m.sizes[root]), nil
}

// unseen is the number of nodes that no trie measured so far holds.
func (m *measure) unseen() (n int) {
	for _, size := range m.sizes {
		if size == 0 {
			n++
		}
	}
	return n
}

func (m *measure) visit(id mpt.ID, depth int) error {
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

// nodeData is where a node's out-of-line data lies.
type nodeData struct {
	kind         mpt.Kind
	path, value  rkyv.Position // Leaf, Extension; an extension has no value
	pathLen      int
	valueLen     int
	child        rkyv.Position // Extension: the embedded child, or None
	childRef     mpt.Child
	branchObject rkyv.Position // Branch
}

// nodeData writes a node and all nodes below it that the table has.
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

// embedded writes a child that the table has, up to and including its image,
// and returns the position of that; it returns None for one that it has not.
func (w *writer) embedded(t *mpt.Table, id mpt.ID) rkyv.Position {
	if id == mpt.None {
		return rkyv.None
	}
	d := w.nodeData(t, id)
	p := w.Position()
	w.node(d)
	return p
}

// branch writes a BranchNode: its children, its value and its body, whose
// position it returns.
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

// nibbles writes the image of Nibbles: data, and already_consumed, which is
// empty and was "written" right after the data.
func (w *writer) nibbles(d nodeData) {
	w.Slice(d.path, d.pathLen)
	w.Slice(d.path+rkyv.Position(d.pathLen), 0)
}

// reference writes the image of a NodeRef: a pointer to the embedded child, or
// else its hash, or its RLP in 31 bytes with its length behind.
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
