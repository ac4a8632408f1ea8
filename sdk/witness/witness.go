package witness

import (
	"errors"
	"fmt"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// Shape says how the node wrote the witness.
type Shape uint8

// The shapes; see the package comment.
const (
	ShapeRLP     Shape = iota // reth, ethrex, erigon
	ShapeObjects              // geth
	ShapeMaps                 // reth before 2025
)

func (s Shape) String() string {
	switch s {
	case ShapeObjects:
		return "geth (header objects)"
	case ShapeMaps:
		return "maps from hash to preimage"
	}
	return "RLP headers"
}

// Witness is what a block needs to be executed without a database. Entries are
// kept in the node's order, with duplicates and empty ones.
type Witness struct {
	State   [][]byte // trie nodes, RLP
	Codes   [][]byte // contract bytecode; may hold empty entries
	Keys    [][]byte // preimages: addresses (20 bytes) and storage slots (32 bytes)
	Headers [][]byte // RLP of the parent and of older ancestors, in any order

	// KeysGiven is false where keys is null or absent. An empty list counts as
	// given.
	KeysGiven bool
	Shape     Shape
}

// Decode reads a witness. The result does not refer to data.
func Decode(data []byte) (*Witness, error) {
	return decode(jsonhex.NewReader(data))
}

// Read reads the witness in a file, whose text is never in memory as a whole.
// Errors begin with the path.
func Read(path string) (*Witness, error) {
	f, _, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	w, err := decode(jsonhex.NewStreamReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return w, nil
}

func decode(r *jsonhex.Reader) (*Witness, error) {
	w, err := members(r)
	if err != nil {
		return nil, fmt.Errorf("execution witness: %w", err)
	}
	return w, nil
}

func members(r *jsonhex.Reader) (*Witness, error) {
	w := new(Witness)
	var haveState, haveCodes, haveHeaders bool
	err := Object(r, func(key []byte) (err error) {
		switch string(key) {
		case "state":
			w.State, haveState, err = w.byteStrings(r)
		case "codes":
			w.Codes, haveCodes, err = w.byteStrings(r)
		case "keys":
			w.Keys, w.KeysGiven, err = w.byteStrings(r)
		case "headers":
			w.Headers, err = w.headers(r)
			haveHeaders = w.Headers != nil
		default:
			return r.Skip()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !haveState && !haveCodes && !haveHeaders:
		return nil, errors.New("none of state, codes and headers is there: not the answer to debug_executionWitness")
	case !haveState:
		return nil, errors.New("state is missing")
	case !haveCodes:
		return nil, errors.New("codes is missing")
	case !haveHeaders && w.Shape != ShapeMaps:
		return nil, errors.New("headers is missing")
	}
	return w, nil
}

// byteStrings reads a list of byte strings or a map with byte strings as
// values. It reports false for null.
func (w *Witness) byteStrings(r *jsonhex.Reader) (list [][]byte, given bool, err error) {
	kind, err := r.Peek()
	if err != nil {
		return nil, false, err
	}
	switch kind {
	case jsonhex.Null:
		_, err := r.Null()
		return nil, false, err
	case jsonhex.Object:
		w.Shape = ShapeMaps
		list = [][]byte{}
		err = r.Object(func(hash []byte) error {
			b, err := r.Hex()
			if err != nil {
				return fmt.Errorf("%s: %w", jsonhex.Excerpt(hash), err)
			}
			list = append(list, b)
			return nil
		})
		return list, true, err
	}
	list = [][]byte{}
	err = r.Array(func(i int) error {
		b, err := r.Hex()
		if err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		list = append(list, b)
		return nil
	})
	return list, true, err
}

// headers reads a list of headers, each an RLP string or an object. Null gives
// nil, an empty list does not.
func (w *Witness) headers(r *jsonhex.Reader) ([][]byte, error) {
	if null, err := r.Null(); null || err != nil {
		return nil, err
	}
	list := [][]byte{}
	err := r.Array(func(i int) error {
		kind, err := r.Peek()
		if err != nil {
			return err
		}
		var header []byte
		if kind == jsonhex.Object {
			w.Shape = ShapeObjects
			var text []byte
			if text, err = r.Raw(); err == nil {
				header, err = encodeHeader(text)
			}
		} else {
			header, err = r.Hex()
		}
		if err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		list = append(list, header)
		return nil
	})
	return list, err
}

// Addresses returns the entries of Keys that are addresses, in their order,
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
