package mpt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// ErrMissing says that a path ends in a reference to a node that the witness
// does not hold.
var ErrMissing = errors.New("node is not in the witness")

// Account returns the value that the state trie below root has for an address,
// nil where it has none. It fails with ErrMissing where the path ends in a hash
// that the table does not resolve.
func (t *Table) Account(root ID, address []byte) ([]byte, error) {
	var path [65]byte
	for i, b := range crypto.Keccak256(address) {
		path[2*i], path[2*i+1] = b>>4, b&15
	}
	path[64] = Terminator
	return t.get(root, path[:])
}

// get follows a path that ends with the terminator.
func (t *Table) get(id ID, path []byte) ([]byte, error) {
	var nibbles [130]byte
	if err := t.Usable(id); err != nil {
		return nil, err
	}
	node := t.Node(id)
	for depth := 0; ; {
		var child Child
		link := None
		switch node.Kind {
		case Leaf:
			if p := node.Path(); p.Len() == len(path) && bytes.Equal(p.Nibbles(nibbles[:]), path) {
				return node.Value(), nil
			}
			return nil, nil
		case Extension:
			p := node.Path()
			n := p.Len()
			if n > len(path) || !bytes.Equal(p.Nibbles(nibbles[:n]), path[:n]) {
				return nil, nil
			}
			path, child = path[n:], node.Child(0)
			link = t.Link(node, 0)
			if depth++; n == 0 && depth > len(nibbles) {
				return nil, errors.New("a chain of extensions that hold no nibble")
			}
		case Branch:
			if len(path) == 0 || path[0] == Terminator {
				if value := node.Value(); len(value) > 0 {
					return value, nil
				}
				return nil, nil
			}
			child = node.Child(int(path[0]))
			if child.Empty() {
				return nil, nil
			}
			link = t.Link(node, int(path[0]))
			path = path[1:]
		}
		switch {
		case link != None:
			if err := t.Usable(link); err != nil {
				return nil, err
			}
			node = t.Node(link)
		case child.Inline:
			// Its own children are not looked up in the table: they are shorter
			// still, and a node that short holds no hash.
			node = new(Node)
			if err := node.Decode(child.Raw); err != nil {
				return nil, fmt.Errorf("inline node: %w", err)
			}
		default:
			return nil, fmt.Errorf("%w: %x", ErrMissing, child.Raw)
		}
	}
}

// Leaves calls visit for every leaf below root that is reachable through nodes
// of the table, in ascending order of path. The path is 32 bytes; leaves at
// another depth are passed over, except that a path of 63 nibbles counts as one
// with a zero at its end (lambdaclass/ethrex:crates/common/types/block_execution_witness.rs@52e4b646:143).
// A *BadEntry on the way ends the walk. The caller bounds the work by measuring
// the trie first.
func (t *Table) Leaves(root ID, visit func(path [32]byte, value []byte) error) error {
	return t.leaves(root, make([]byte, 0, 66), visit)
}

// leaves is Leaves below a path, behind which it writes into the same memory.
func (t *Table) leaves(id ID, path []byte, visit func([32]byte, []byte) error) error {
	if err := t.Usable(id); err != nil {
		return err
	}
	node := t.Node(id)
	p := node.Path()
	if len(path)+p.Len() > 65 {
		return nil
	}
	switch node.Kind {
	case Leaf:
		var buf [66]byte
		n := copy(buf[:], path)
		n += p.Len() - 1
		p.Nibbles(buf[len(path):])
		if n != 63 && n != 64 {
			return nil
		}
		buf[n] = 0
		var key [32]byte
		for i := range key {
			key[i] = buf[2*i]<<4 | buf[2*i+1]
		}
		return visit(key, node.Value())
	case Extension:
		link := t.Link(node, 0)
		if link == None || node.Child(0).Empty() {
			return nil
		}
		end := len(path) + p.Len()
		p.Nibbles(path[len(path):end])
		return t.leaves(link, path[:end], visit)
	}
	for i := range 16 {
		link := t.Link(node, i)
		if link == None {
			continue
		}
		if err := t.leaves(link, append(path, byte(i)), visit); err != nil {
			return err
		}
	}
	return nil
}

// StorageRoot returns the storage root of an account, the value of a leaf of
// the state trie: the RLP list of nonce, balance, storage root and code hash.
func StorageRoot(account []byte) (root [32]byte, err error) {
	items, rest, err := rlp.SplitList(account)
	if err != nil || len(rest) > 0 {
		return root, fmt.Errorf("account %x is not one RLP list", account)
	}
	for i := 0; ; i++ {
		var item []byte
		if item, items, err = rlp.SplitString(items); err != nil {
			return root, fmt.Errorf("account %x: item %d: %w", account, i, err)
		}
		if i < 2 {
			continue
		}
		if len(item) != 32 {
			return root, fmt.Errorf("account %x: the storage root has %d bytes", account, len(item))
		}
		return [32]byte(item), nil
	}
}

// CodeHash returns the code hash of an account, the fourth of the items that
// StorageRoot names.
func CodeHash(account []byte) (hash [32]byte, ok bool) {
	items, _, err := rlp.SplitList(account)
	var item []byte
	for i := 0; err == nil; i++ {
		if item, items, err = rlp.SplitString(items); err == nil && i == 3 {
			return hash, copy(hash[:], item) == 32 && len(item) == 32
		}
	}
	return hash, false
}
