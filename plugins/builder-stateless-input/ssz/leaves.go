package ssz

import (
	"encoding/binary"
	"fmt"
)

// Leaf is a value within a container.
type Leaf struct {
	Path  string // for example "witness.state[3]"
	Value []byte // the encoded value, or the length of a list in decimal digits
	Count bool   // Value is the length of a list
}

// Leaves returns the values of the container in the order of the encoding. A list gives its
// length and then its entries.
func (c *Container) Leaves() []Leaf { return c.leaves(nil, "") }

func (c *Container) leaves(list []Leaf, prefix string) []Leaf {
	for i := range c.Fields {
		f := &c.Fields[i]
		path := prefix + f.Name
		switch f.shape {
		case shapeNumber:
			list = append(list, Leaf{Path: path, Value: binary.LittleEndian.AppendUint64(nil, *f.number)})
		case shapeFixed:
			list = append(list, Leaf{Path: path, Value: f.fixed})
		case shapeBytes:
			list = append(list, Leaf{Path: path, Value: *f.bytes})
		case shapeContainer:
			list = f.container.leaves(list, path+".")
		case shapeList:
			list = append(list, Leaf{Path: path + ".length", Value: fmt.Append(nil, len(*f.list)), Count: true})
			for i, entry := range *f.list {
				list = append(list, Leaf{Path: fmt.Sprintf("%s[%d]", path, i), Value: entry})
			}
		case shapeItems:
			size := f.itemSize()
			n := len(*f.bytes) / size
			list = append(list, Leaf{Path: path + ".length", Value: fmt.Append(nil, n), Count: true})
			for i := range n {
				list = append(list, Leaf{Path: fmt.Sprintf("%s[%d]", path, i), Value: (*f.bytes)[i*size : (i+1)*size]})
			}
		}
	}
	return list
}
