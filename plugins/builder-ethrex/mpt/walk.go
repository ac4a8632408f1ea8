package mpt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// ErrMissing means that a path ends at a reference to a node that the witness lacks.
var ErrMissing = errors.New("node is not in the witness")

// Account returns the value of an address in the state trie below root. found is false where
// the trie has no such account. The error wraps ErrMissing where the table lacks a node on
// the path.
func (t *Table) Account(root ID, address []byte) (value []byte, found bool, err error) {
	var path [65]byte
	for i, b := range crypto.Keccak256(address) {
		path[2*i], path[2*i+1] = b>>4, b&15
	}
	path[64] = Terminator
	return t.get(root, path[:])
}

// get is Account for a path of nibbles that ends with the terminator.
func (t *Table) get(id ID, path []byte) (value []byte, found bool, err error) {
	var nibbles [130]byte
	if err := t.Usable(id); err != nil {
		return nil, false, err
	}
	node := t.Node(id)
	for depth := 0; ; {
		var child Child
		link := None
		switch node.Kind {
		case Leaf:
			if p := node.Path(); p.Len() == len(path) && bytes.Equal(p.Nibbles(nibbles[:]), path) {
				value = node.Value()
			}
			return value, value != nil, nil
		case Extension:
			p := node.Path()
			n := p.Len()
			if n > len(path) || !bytes.Equal(p.Nibbles(nibbles[:n]), path[:n]) {
				return nil, false, nil
			}
			path, child = path[n:], node.Child(0)
			link = t.Link(node, 0)
			if depth++; n == 0 && depth > len(nibbles) {
				return nil, false, errors.New("a chain of extensions that hold no nibble")
			}
		case Branch:
			if len(path) == 0 || path[0] == Terminator {
				value = node.Value()
				return value, value != nil, nil
			}
			child = node.Child(int(path[0]))
			if child.Empty() {
				return nil, false, nil
			}
			link = t.Link(node, int(path[0]))
			path = path[1:]
		}
		switch {
		case link != None:
			if err := t.Usable(link); err != nil {
				return nil, false, err
			}
			node = t.Node(link)
		case child.Inline:
			// An inline node is too short to hold a hash, so its children are inline, too.
			node = new(Node)
			if err := node.Decode(child.Raw); err != nil {
				return nil, false, fmt.Errorf("inline node: %w", err)
			}
		default:
			return nil, false, fmt.Errorf("%w: %x", ErrMissing, child.Raw)
		}
	}
}

// Leaves calls visit for every leaf below root that is reachable through nodes of the table,
// in ascending order of their paths. It ignores leaves whose path is not 32 bytes long. A
// path of 63 nibbles counts as one with a zero at its end
// (lambdaclass/ethrex:crates/common/types/block_execution_witness.rs@52e4b646:143). Leaves
// returns a *BadEntry that it meets. Before it calls Leaves, the caller must compute the size
// of the trie, which limits the work.
func (t *Table) Leaves(root ID, visit func(path [32]byte, value []byte) error) error {
	return t.leaves(root, make([]byte, 0, 66), visit)
}

// leaves is Leaves for the node id at a path. It writes into the memory after path.
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

// StorageRoot returns the storage root of an account. An account is the value of a leaf of
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

// CodeHash returns the code hash of an account, the fourth item. ok is false where the account
// has none.
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
