package ssz

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Append appends the encoding of the container to b. It fails where a list exceeds its
// limit, where a list of items ends within an item, and where the encoding is too long for
// 32-bit offsets.
func (c *Container) Append(b []byte) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	size := c.Size()
	if uint64(size) > math.MaxUint32 {
		return nil, fmt.Errorf("%d bytes, too many for a 32-bit offset", size)
	}
	if free := cap(b) - len(b); free < size {
		grown := make([]byte, len(b), len(b)+size)
		copy(grown, b)
		b = grown
	}
	return c.append(b), nil
}

// Size returns the number of bytes of the encoding.
func (c *Container) Size() int {
	size := c.fixedSize()
	for i := range c.Fields {
		size += c.Fields[i].variableSize()
	}
	return size
}

func (f *Field) variableSize() int {
	switch f.shape {
	case shapeBytes, shapeItems:
		return len(*f.bytes)
	case shapeList:
		size := offsetSize * len(*f.list)
		for _, entry := range *f.list {
			size += len(entry)
		}
		return size
	case shapeContainer:
		return f.container.Size()
	}
	return 0
}

func (c *Container) append(b []byte) []byte {
	offset := c.fixedSize()
	for i := range c.Fields {
		switch f := &c.Fields[i]; f.shape {
		case shapeNumber:
			b = binary.LittleEndian.AppendUint64(b, *f.number)
		case shapeFixed:
			b = append(b, f.fixed...)
		default:
			b = binary.LittleEndian.AppendUint32(b, uint32(offset))
			offset += f.variableSize()
		}
	}
	for i := range c.Fields {
		switch f := &c.Fields[i]; f.shape {
		case shapeBytes, shapeItems:
			b = append(b, *f.bytes...)
		case shapeList:
			offset := offsetSize * len(*f.list)
			for _, entry := range *f.list {
				b = binary.LittleEndian.AppendUint32(b, uint32(offset))
				offset += len(entry)
			}
			for _, entry := range *f.list {
				b = append(b, entry...)
			}
		case shapeContainer:
			b = f.container.append(b)
		}
	}
	return b
}

// check compares every list with its limit.
func (c *Container) check() error {
	for i := range c.Fields {
		if err := c.Fields[i].check(); err != nil {
			return fmt.Errorf("%s%w", c.Fields[i].Name, err)
		}
	}
	return nil
}

func (f *Field) check() error {
	switch f.shape {
	case shapeBytes:
		return f.limit.length(len(*f.bytes), "bytes")
	case shapeItems:
		if size := f.itemSize(); len(*f.bytes)%size != 0 {
			return fmt.Errorf(": %d bytes are no whole number of items of %d bytes", len(*f.bytes), size)
		}
	case shapeList:
		for i, entry := range *f.list {
			if f.limit.Entry > 0 && len(entry) > f.limit.Entry {
				return fmt.Errorf("[%d]: an item of %d bytes, the guests' limit is %d", i, len(entry), f.limit.Entry)
			}
		}
		return f.limit.length(len(*f.list), "items")
	case shapeContainer:
		if err := f.container.check(); err != nil {
			return fmt.Errorf(".%w", err)
		}
	}
	return nil
}

func (l Limit) length(n int, what string) error {
	if l.Length > 0 && n > l.Length {
		return fmt.Errorf(": %d %s, the guests' limit is %d", n, what, l.Length)
	}
	return nil
}
