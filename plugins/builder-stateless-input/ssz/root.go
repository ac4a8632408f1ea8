package ssz

import "encoding/binary"

// Root returns the hash tree root of the container.
func (c *Container) Root() [32]byte {
	roots := make([]byte, 0, chunkSize*len(c.Fields))
	for i := range c.Fields {
		root := c.Fields[i].root()
		roots = append(roots, root[:]...)
	}
	if c.Progressive {
		return withNumber(progressive(roots), 1<<len(c.Fields)-1)
	}
	return tree(roots, depthOf(len(c.Fields)))
}

func (f *Field) root() [32]byte {
	switch f.shape {
	case shapeNumber:
		var b [numberSize]byte
		binary.LittleEndian.PutUint64(b[:], *f.number)
		return fixedRoot(b[:])
	case shapeFixed:
		return fixedRoot(f.fixed)
	case shapeBytes:
		return bytesRoot(*f.bytes, f.limit.Length)
	case shapeContainer:
		return f.container.Root()
	case shapeList:
		roots := make([]byte, 0, chunkSize*len(*f.list))
		for _, entry := range *f.list {
			root := bytesRoot(entry, f.limit.Entry)
			roots = append(roots, root[:]...)
		}
		return listRoot(roots, f.limit.Length)
	}
	size := f.itemSize()
	roots := make([]byte, 0, chunkSize*(len(*f.bytes)/size))
	for items := *f.bytes; len(items) >= size; items = items[size:] {
		root := itemRoot(items[:size], f.item)
		roots = append(roots, root[:]...)
	}
	return listRoot(roots, f.limit.Length)
}

// bytesRoot returns the root of a byte list of at most limit bytes, or of a progressive byte
// list where limit is 0.
func bytesRoot(data []byte, limit int) [32]byte {
	if limit == 0 {
		return withNumber(progressive(data), uint64(len(data)))
	}
	return withNumber(tree(data, depthOf(chunksOf(limit))), uint64(len(data)))
}

// listRoot returns the root of a list from the roots of its entries.
func listRoot(roots []byte, limit int) [32]byte {
	n := uint64(len(roots) / chunkSize)
	if limit == 0 {
		return withNumber(progressive(roots), n)
	}
	return withNumber(tree(roots, depthOf(limit)), n)
}

func itemRoot(item []byte, parts []int) [32]byte {
	if len(parts) == 1 {
		return fixedRoot(item)
	}
	roots := make([]byte, 0, 8*chunkSize)
	for _, size := range parts {
		root := fixedRoot(item[:size])
		roots = append(roots, root[:]...)
		item = item[size:]
	}
	return tree(roots, depthOf(len(parts)))
}
