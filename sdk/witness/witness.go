package witness

import (
	"fmt"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// Shape is the form of the headers and lists in a witness.
type Shape uint8

// The shapes; see the package comment.
const (
	ShapeRLP     Shape = iota // reth, ethrex, erigon
	ShapeObjects              // geth
	ShapeMaps                 // reth before 2025
)

// String describes the shape in a few words.
func (s Shape) String() string {
	switch s {
	case ShapeObjects:
		return "geth (header objects)"
	case ShapeMaps:
		return "maps from hash to preimage"
	}
	return "RLP headers"
}

// Witness is the data that is needed to execute a block without a database. Entries are
// in the node's order, including duplicates and empty ones.
type Witness struct {
	State   [][]byte // trie nodes, RLP
	Codes   [][]byte // contract bytecode; may hold empty entries
	Keys    [][]byte // preimages: addresses (20 bytes) and storage slots (32 bytes)
	Headers [][]byte // RLP of the parent and of older ancestors, in any order

	// CodesGiven and KeysGiven are false if codes or keys is null or absent in the
	// document. The list is then empty.
	CodesGiven, KeysGiven bool
	Shape                 Shape
}

// Decode reads a witness. The result does not refer to data. It does not check whether
// the witness belongs to a block; Check does.
func Decode(data []byte) (*Witness, error) {
	return decode(jsonhex.NewReader(data), 0)
}

// Read reads the witness in a file, without holding its whole text in memory. Errors name
// the path.
func Read(path string) (*Witness, error) {
	f, size, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// A node of a trie takes 700 to 1,400 bytes of the witness, codes included.
	w, err := decode(jsonhex.NewStreamReader(f), int(size/1024))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

// decode reads a witness of about this number of trie nodes.
func decode(r *jsonhex.Reader, nodes int) (*Witness, error) {
	w := &Witness{State: make([][]byte, 0, nodes)}
	keep := func(list *[][]byte) func([]byte) error {
		return func(entry []byte) error {
			*list = appendDoubling(*list, entry)
			return nil
		}
	}
	form, err := scan(r, Entries{State: keep(&w.State), Code: keep(&w.Codes), Key: keep(&w.Keys), Header: keep(&w.Headers)}, r.Hex)
	if err != nil {
		return nil, err
	}
	w.Shape, w.CodesGiven, w.KeysGiven = form.Shape, form.CodesGiven, form.KeysGiven
	return w, nil
}

// Addresses returns the entries of Keys that are addresses (20 bytes), in their order and
// with duplicates.
func (w *Witness) Addresses() [][]byte {
	var list [][]byte
	for _, key := range w.Keys {
		if len(key) == 20 {
			list = append(list, key)
		}
	}
	return list
}
