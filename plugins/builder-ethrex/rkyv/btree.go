package rkyv

// capacity is the number of entries in a node of rkyv's B-tree, the default of its parameter
// E.
const capacity = 5

// Entries describes the sorted entries of a BTreeMap to write. R holds the positions that the
// first step of writing a value passes to the second.
type Entries[R any] struct {
	Len       int
	KeySize   int // bytes of a key's image
	ValueSize int // bytes of a value's image

	// Serialize writes the out-of-line data of key i and then of value i.
	Serialize func(i int) R
	// Key writes the image of key i.
	Key func(i int)
	// Value writes the image of value i, at most ValueSize bytes.
	Value func(i int, resolver R)
}

// LeafSize returns the size of a leaf node's image in bytes.
func (e Entries[R]) LeafSize() int { return 1 + capacity*(e.KeySize+e.ValueSize) + 4 }

// InnerSize returns the size of an inner node's image in bytes.
func (e Entries[R]) InnerSize() int {
	return 1 + capacity*(e.KeySize+e.ValueSize) + 4*capacity + 4
}

// entry is one slot of a node.
type entry struct {
	index  int      // index of the map's entry
	lesser Position // in an inner node, the child with the smaller keys
}

// TreeSize returns the size in bytes of the nodes of a map's tree, without the out-of-line
// data of its keys and values.
func TreeSize[R any](e Entries[R]) int {
	if e.Len == 0 {
		return 0
	}
	last, levels := treeShape(e.Len)
	lowest := ceil(last, capacity) // number of leaves on the last level
	if levels == 0 {
		return lowest * e.LeafSize()
	}
	// The level above is full, but only some of its nodes have children. All nodes of the
	// levels above that one are inner nodes.
	width, upper := 1, 0
	for range levels - 1 {
		upper += width
		width *= capacity + 1
	}
	parents := ceil(lowest, capacity+1)
	return (lowest+width-parents)*e.LeafSize() + (parents+upper)*e.InnerSize()
}

func ceil(a, b int) int { return (a + b - 1) / b }

// treeShape returns how many of n entries are on the last level, and the number of levels of
// inner nodes above it.
func treeShape(n int) (last, inner int) {
	above, width := 0, 6 // entries of a full tree above the last level; 6 to the power of the height
	for width <= n {
		above = width - 1
		width *= capacity + 1
		inner++
	}
	return n - above, inner
}

// Tree writes the nodes of a map bottom up, in the order in which rkyv fills them from a
// sorted iterator. It returns the position of the root node, None for an empty map.
// Source: rkyv/rkyv:rkyv/src/collections/btree/map/mod.rs@0.8.12,
// serialize_from_ordered_iter.
func Tree[R any](w *Writer, e Entries[R]) Position {
	if e.Len == 0 {
		return None
	}
	last, levels := treeShape(e.Len)
	open := make([][]entry, levels) // inner nodes that are being filled, the lowest level last
	var leaf []entry
	child := None
	next, inLeaves := 0, 0
	// appendNext appends the next entry to an inner node, with the last finished child below
	// it.
	appendNext := func(node []entry) []entry {
		node = append(node, entry{next, child})
		next++
		child = None
		return node
	}
	for next < e.Len {
		leaf = append(leaf, entry{next, None})
		next++
		inLeaves++
		if inLeaves != last && len(leaf) < capacity {
			continue
		}
		child = e.leaf(w, leaf)
		leaf = leaf[:0]
		if inLeaves == last && len(open) > 0 {
			// There is no further leaf, so the lowest inner node is filled with entries.
			node := open[len(open)-1]
			open = open[:len(open)-1]
			for len(node) < capacity && next < e.Len {
				node = appendNext(node)
			}
			child = e.inner(w, node, child)
		}
		closed := 0
		for len(open) > 0 {
			top := open[len(open)-1]
			if len(top) < capacity {
				open[len(open)-1] = appendNext(top)
				for range closed {
					open = append(open, nil)
				}
				break
			}
			child = e.inner(w, top, child)
			open = open[:len(open)-1]
			closed++
		}
	}
	if len(leaf) > 0 {
		child = e.leaf(w, leaf)
	}
	for i := len(open) - 1; i >= 0; i-- {
		child = e.inner(w, open[i], child)
	}
	return child
}

// slots writes the tag, the keys and the values of a node, and returns its position.
func (e Entries[R]) slots(w *Writer, tag byte, node []entry) Position {
	resolvers := make([]R, len(node))
	for i, slot := range node {
		resolvers[i] = e.Serialize(slot.index)
	}
	start := w.Position()
	w.Byte(tag)
	keys := w.Position()
	for i, slot := range node {
		e.Key(slot.index)
		w.PadTo(keys + Position((i+1)*e.KeySize))
	}
	values := keys + Position(capacity*e.KeySize)
	w.PadTo(values)
	for i, slot := range node {
		e.Value(slot.index, resolvers[i])
		w.PadTo(values + Position((i+1)*e.ValueSize))
	}
	w.PadTo(values + Position(capacity*e.ValueSize))
	return start
}

func (e Entries[R]) leaf(w *Writer, node []entry) Position {
	start := e.slots(w, 0, node)
	w.Uint32(uint32(len(node)))
	return start
}

func (e Entries[R]) inner(w *Writer, node []entry, greater Position) Position {
	start := e.slots(w, 1, node)
	for _, slot := range node {
		w.Pointer(slot.lesser)
	}
	w.Zero(4 * (capacity - len(node)))
	w.Pointer(greater)
	return start
}

// Map writes the image of a BTreeMap: the pointer to the root node that Tree has returned,
// and the number of entries.
func (w *Writer) Map(root Position, n int) {
	w.Pointer(root)
	w.Uint32(uint32(n))
}
