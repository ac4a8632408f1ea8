package ssz

// Container is an ordered list of fields.
type Container struct {
	Fields []Field
	// Progressive containers are hashed with their fields as a progressive list and
	// a bit for each of them (EIP-7495). The encoding is that of an ordinary one.
	Progressive bool
}

// Field is one field of a container. The functions below make them.
type Field struct {
	Name  string
	shape shape

	number    *uint64
	fixed     []byte
	bytes     *[]byte
	list      *[][]byte
	container *Container

	item  []int // sizes of the parts of an item
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

// Limit bounds a list. Zero is no bound, and makes the list a progressive one.
type Limit struct {
	Length int // bytes of a byte list, entries of a list
	Entry  int // bytes of each entry of a list of byte lists
}

// Number is an unsigned number of 64 bits.
func Number(name string, value *uint64) Field {
	return Field{Name: name, shape: shapeNumber, number: value}
}

// Fixed is a vector of bytes, or any other value of fixed size in its encoded form.
func Fixed(name string, value []byte) Field {
	return Field{Name: name, shape: shapeFixed, fixed: value}
}

// Bytes is a byte list.
func Bytes(name string, value *[]byte, limit Limit) Field {
	return Field{Name: name, shape: shapeBytes, bytes: value, limit: limit}
}

// List is a list of byte lists.
func List(name string, value *[][]byte, limit Limit) Field {
	return Field{Name: name, shape: shapeList, list: value, limit: limit}
}

// Items is a list of items of fixed size, one behind the other in value. An item of
// one part is that part, one of several is a container of them.
func Items(name string, value *[]byte, parts ...int) Field {
	return Field{Name: name, shape: shapeItems, bytes: value, item: parts}
}

// Nested is a container of variable size within the container.
func Nested(name string, value *Container) Field {
	return Field{Name: name, shape: shapeContainer, container: value}
}

const (
	offsetSize = 4
	numberSize = 8
)

// fixedSize is what the field takes in the fixed part of its container: its value,
// or an offset.
func (f *Field) fixedSize() int {
	switch f.shape {
	case shapeNumber:
		return numberSize
	case shapeFixed:
		return len(f.fixed)
	}
	return offsetSize
}

// variable reports whether the value lies behind the fixed part.
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
