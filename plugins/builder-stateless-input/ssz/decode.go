package ssz

import (
	"encoding/binary"
	"fmt"
)

// Decode decodes data into the values that the fields point to. It refuses an encoding that
// Append would not write: offsets that are not the end of the part before, further bytes,
// and lists above their limits. The values share the memory of data. After an error some of
// them are set. The text of an error begins with the path below the container.
func (c *Container) Decode(data []byte) error {
	fixed := c.fixedSize()
	if len(data) < fixed {
		return fmt.Errorf(": %d bytes, fewer than the %d of the fixed part", len(data), fixed)
	}
	// All offsets are read first, because a part ends at the next offset.
	var offsets []int
	at := 0
	for i := range c.Fields {
		switch f := &c.Fields[i]; f.shape {
		case shapeNumber:
			*f.number = binary.LittleEndian.Uint64(data[at:])
		case shapeFixed:
			copy(f.fixed, data[at:])
		default:
			offset := int(binary.LittleEndian.Uint32(data[at:]))
			switch {
			case len(offsets) == 0 && offset != fixed:
				return fmt.Errorf(".%s: the first offset is %d, want %d", f.Name, offset, fixed)
			case len(offsets) > 0 && offset < offsets[len(offsets)-1]:
				return fmt.Errorf(".%s: its offset %d is before that of the part before it, %d", f.Name, offset, offsets[len(offsets)-1])
			case offset > len(data):
				return fmt.Errorf(".%s: its offset %d is behind the end, %d", f.Name, offset, len(data))
			}
			offsets = append(offsets, offset)
		}
		at += c.Fields[i].fixedSize()
	}
	if len(offsets) == 0 && len(data) != fixed {
		return fmt.Errorf(": %d bytes, want %d", len(data), fixed)
	}
	offsets = append(offsets, len(data))
	for i := range c.Fields {
		f := &c.Fields[i]
		if !f.variable() {
			continue
		}
		if err := f.decode(data[offsets[0]:offsets[1]:offsets[1]]); err != nil {
			return fmt.Errorf(".%s%w", f.Name, err)
		}
		offsets = offsets[1:]
	}
	return nil
}

func (f *Field) decode(data []byte) (err error) {
	switch f.shape {
	case shapeContainer:
		return f.container.Decode(data)
	case shapeList:
		if *f.list, err = decodeList(data); err != nil {
			return err
		}
	default:
		*f.bytes = data
	}
	return f.check()
}

func decodeList(data []byte) ([][]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if len(data) < offsetSize {
		return nil, fmt.Errorf(": %d bytes, too short for an offset", len(data))
	}
	first := int(binary.LittleEndian.Uint32(data))
	if first == 0 || first%offsetSize != 0 || first > len(data) {
		return nil, fmt.Errorf(": the first offset is %d in %d bytes, want a multiple of %d within them", first, len(data), offsetSize)
	}
	list := make([][]byte, first/offsetSize)
	end := len(data)
	for i := len(list) - 1; i >= 0; i-- {
		offset := int(binary.LittleEndian.Uint32(data[offsetSize*i:]))
		if offset > end || offset < first {
			return nil, fmt.Errorf("[%d]: its offset is %d, want %d to %d", i, offset, first, end)
		}
		list[i] = data[offset:end:end]
		end = offset
	}
	return list, nil
}
