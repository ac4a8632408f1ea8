package ssz

// Container is an ordered list of fields.
type Container struct {
	Fields []Field
	// Progressive selects the hash of EIP-7495: that of a progressive list of the fields,
	// mixed with one bit for each field. The encoding is the same.
	Progressive bool
}

// Field is one field of a container. Number, Fixed, Bytes, List, Items and Nested create
// fields.
type Field struct {
	Name  string
	shape shape

	number    *uint64
	fixed     []byte
	bytes     *[]byte
	list      *[][]byte
	container *Container

	item  []int // sizes of the parts of an item in bytes
	limit Limit
}

type shape uint8

const (
	shapeNumber shape = iota
	shapeFixed
	shapeBytes
	shapeList
	shapeItems
	shapeContainer
)

// Limit limits a list. Zero means no limit, and makes the list a progressive one.
type Limit struct {
	Length int // largest number of bytes of a byte list, or of entries of a list
	Entry  int // largest size in bytes of an entry of a list of byte lists
}

// Number returns a field with an unsigned number of 64 bits.
func Number(name string, value *uint64) Field {
	return Field{Name: name, shape: shapeNumber, number: value}
}

// Fixed returns a field with a vector of bytes, or with any other encoded value of fixed
// size.
func Fixed(name string, value []byte) Field {
	return Field{Name: name, shape: shapeFixed, fixed: value}
}

// Bytes returns a field with a byte list.
func Bytes(name string, value *[]byte, limit Limit) Field {
	return Field{Name: name, shape: shapeBytes, bytes: value, limit: limit}
}

// List returns a field with a list of byte lists.
func List(name string, value *[][]byte, limit Limit) Field {
	return Field{Name: name, shape: shapeList, list: value, limit: limit}
}

// Items returns a field with a list of items of fixed size, which value holds concatenated.
// parts are the sizes of an item's parts in bytes. An item with one part is that part, an
// item with several parts is a container.
func Items(name string, value *[]byte, parts ...int) Field {
	return Field{Name: name, shape: shapeItems, bytes: value, item: parts}
}

// Nested returns a field with a container of variable size.
func Nested(name string, value *Container) Field {
	return Field{Name: name, shape: shapeContainer, container: value}
}

const (
	offsetSize = 4
	numberSize = 8
)

// fixedSize returns the size in bytes of the field in the fixed part of its container, which
// holds the value or an offset.
func (f *Field) fixedSize() int {
	switch f.shape {
	case shapeNumber:
		return numberSize
	case shapeFixed:
		return len(f.fixed)
	}
	return offsetSize
}

// variable reports whether the value lies after the fixed part.
func (f *Field) variable() bool { return f.shape != shapeNumber && f.shape != shapeFixed }

func (f *Field) itemSize() int { return sum(f.item) }

func sum(list []int) (total int) {
	for _, n := range list {
		total += n
	}
	return total
}

func (c *Container) fixedSize() (size int) {
	for i := range c.Fields {
		size += c.Fields[i].fixedSize()
	}
	return size
}
