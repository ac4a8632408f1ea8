package rkyv

import (
	"encoding/binary"
	"fmt"
)

// maxDepth is the largest depth of nested pointers in an archive that Open accepts.
const maxDepth = 8192

// FormatError means that an archive breaks a rule of its layout.
type FormatError struct {
	Path   string // path of the field, for example "blocks[0].header.extra_data"
	Offset int    // in bytes
	Reason string
}

func (e *FormatError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("%s at byte %d: %s", e.Path, e.Offset, e.Reason)
}

// Open checks a whole archive whose root object has the type t, and returns a view of the
// root. Like rkyv's own validator
// (rkyv/rkyv:rkyv/src/validation/archive/validator.rs@0.8.12) it accepts an object only after
// its earlier siblings and before the object that refers to it, so that no two objects share
// bytes. The error is a *FormatError.
func Open(data []byte, t Type) (View, error) {
	root := len(data) - t.Size()
	if root < 0 {
		return View{}, &FormatError{Offset: len(data), Reason: fmt.Sprintf("%d bytes are too few for the root object of %d", len(data), t.Size())}
	}
	c := &checker{data: data, end: root}
	if err := c.value(t, root); err != nil {
		return View{}, err
	}
	return View{data: data, typ: t, pos: root}, nil
}

// checker walks an archive. The next object may lie only in the bytes from start to end, a
// range that shrinks during the walk.
type checker struct {
	data       []byte
	start, end int
	depth      int
	path       []segment
}

// segment is one step of a path: the name of a field, or an index where name is empty.
type segment struct {
	name  string
	index int
}

func (c *checker) fail(pos int, format string, args ...any) error {
	path := ""
	for _, s := range c.path {
		path = appendSegment(path, s)
	}
	return &FormatError{Path: path, Offset: pos, Reason: fmt.Sprintf(format, args...)}
}

func appendSegment(path string, s segment) string {
	switch {
	case s.name == "":
		return fmt.Sprintf("%s[%d]", path, s.index)
	case path == "":
		return s.name
	}
	return path + "." + s.name
}

// within runs check for a part of the current value.
func (c *checker) within(s segment, check func() error) error {
	c.path = append(c.path, s)
	err := check()
	c.path = c.path[:len(c.path)-1]
	return err
}

// subtree runs check for an object of n bytes that a pointer at pos refers to.
func (c *checker) subtree(pos int, n uint64, check func(target int) error) error {
	target := pos + int(int32(binary.LittleEndian.Uint32(c.data[pos:])))
	if target < c.start || target > c.end || n > uint64(c.end-target) {
		return c.fail(pos, "the pointer leads to %d bytes at %d, outside of the bytes %d to %d where its target may lie", n, target, c.start, c.end)
	}
	if c.depth++; c.depth > maxDepth {
		return c.fail(pos, "objects nest deeper than %d levels", maxDepth)
	}
	end := c.end
	c.end = target
	if err := check(target); err != nil {
		return err
	}
	c.start, c.end = target+int(n), end
	c.depth--
	return nil
}

// value checks the image at pos. The caller has checked that its bytes exist.
func (c *checker) value(t Type, pos int) error {
	switch t := t.(type) {
	case Uint, Raw:
		return nil
	case Bool:
		if c.data[pos] > 1 {
			return c.fail(pos, "%d is no bool", c.data[pos])
		}
		return nil
	case Bytes:
		n := binary.LittleEndian.Uint32(c.data[pos+4:])
		return c.subtree(pos, uint64(n), func(int) error { return nil })
	case Slice:
		return c.slice(t, pos)
	case Pointer:
		return c.subtree(pos, uint64(t.Elem.Size()), func(target int) error { return c.value(t.Elem, target) })
	case Option:
		switch c.data[pos] {
		case 0:
			return nil
		case 1:
			return c.value(t.Elem, pos+1)
		}
		return c.fail(pos, "%d is no tag of an option", c.data[pos])
	case *Struct:
		for _, f := range t.Fields {
			if err := c.within(segment{name: f.Name}, func() error { return c.value(f.Type, pos) }); err != nil {
				return err
			}
			pos += f.Type.Size()
		}
		return nil
	case *Enum:
		tag := int(c.data[pos])
		if tag >= len(t.Variants) {
			return c.fail(pos, "%d is no tag of %s", tag, t.Name)
		}
		if v := t.Variants[tag]; v.Type != nil {
			return c.within(segment{name: v.Name}, func() error { return c.value(v.Type, pos+1) })
		}
		return nil
	case Map:
		return c.tree(t, pos)
	}
	return c.fail(pos, "unknown type %T", t)
}

func (c *checker) slice(t Slice, pos int) error {
	n, size := int(binary.LittleEndian.Uint32(c.data[pos+4:])), t.Elem.Size()
	return c.subtree(pos, uint64(n)*uint64(size), func(target int) error {
		for i := range n {
			if err := c.within(segment{index: i}, func() error { return c.value(t.Elem, target+i*size) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *checker) tree(t Map, pos int) error {
	n := int(binary.LittleEndian.Uint32(c.data[pos+4:]))
	if n == 0 {
		return nil
	}
	count := 0
	if err := c.treeNode(t, pos, &count); err != nil {
		return err
	}
	if count != n {
		return c.fail(pos, "the map has the length %d, but its nodes hold %d entries", n, count)
	}
	return nil
}

// treeNode checks the node that the pointer at pos refers to and the nodes below it. It adds
// the number of their entries to count.
func (c *checker) treeNode(t Map, pos int, count *int) error {
	target := pos + int(int32(binary.LittleEndian.Uint32(c.data[pos:])))
	if target < c.start || target >= c.end {
		return c.fail(pos, "the pointer leads to a node at %d, outside of the bytes %d to %d where its target may lie", target, c.start, c.end)
	}
	size := t.leafSize()
	switch c.data[target] {
	case 0:
	case 1:
		size = t.innerSize()
	default:
		return c.fail(target, "%d is no kind of B-tree node", c.data[target])
	}
	return c.subtree(pos, uint64(size), func(target int) error {
		entries := capacity
		children := target + 1 + capacity*(t.Key.Size()+t.Value.Size())
		if c.data[target] == 0 {
			if have := binary.LittleEndian.Uint32(c.data[children:]); have <= capacity {
				entries = int(have)
			} else {
				return c.fail(children, "a B-tree leaf of %d entries", have)
			}
		} else {
			for i := range capacity + 1 {
				child := children + 4*i
				if binary.LittleEndian.Uint32(c.data[child:]) == invalid {
					continue
				}
				if err := c.treeNode(t, child, count); err != nil {
					return err
				}
			}
		}
		*count += entries
		return c.treeEntries(t, target, entries)
	})
}

func (c *checker) treeEntries(t Map, node, entries int) error {
	keys, values := node+1, node+1+capacity*t.Key.Size()
	for i := range entries {
		if err := c.within(segment{name: "key"}, func() error { return c.value(t.Key, keys+i*t.Key.Size()) }); err != nil {
			return err
		}
		name := fmt.Sprintf("%x", c.data[keys+i*t.Key.Size():keys+(i+1)*t.Key.Size()])
		if err := c.within(segment{name: name}, func() error { return c.value(t.Value, values+i*t.Value.Size()) }); err != nil {
			return err
		}
	}
	return nil
}
