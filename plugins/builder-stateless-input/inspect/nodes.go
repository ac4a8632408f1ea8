package inspect

import (
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
)

// unreachable returns the number of nodes that no path from the state root reaches. It fails
// where the root itself is missing, unless the trie is empty.
func unreachable(nodes [][]byte, root common.Hash) (int, error) {
	if root == types.EmptyRootHash {
		return len(nodes), nil
	}
	w := walk{nodes: make(map[common.Hash][]byte, len(nodes)), visited: make(map[common.Hash]bool)}
	for _, node := range nodes {
		w.nodes[crypto.Keccak256Hash(node)] = node
	}
	if _, ok := w.nodes[root]; !ok {
		return 0, fmt.Errorf("the parent's state root %s is none of the %d nodes", root, len(nodes))
	}
	w.follow(root, true)
	return len(w.nodes) - len(w.visited), nil
}

// walk follows the references from node to node. accounts, a parameter of its methods, is
// true in the state trie, whose leaves refer to storage tries.
type walk struct {
	nodes   map[common.Hash][]byte
	visited map[common.Hash]bool
}

func (w *walk) follow(hash common.Hash, accounts bool) {
	node, ok := w.nodes[hash]
	if !ok || w.visited[hash] {
		return
	}
	w.visited[hash] = true
	w.visit(node, accounts)
}

// visit follows the references of a node, which may be embedded in another one. A node that
// does not decode has no references.
func (w *walk) visit(node []byte, accounts bool) {
	list, _, err := rlp.SplitList(node)
	if err != nil {
		return
	}
	count, err := rlp.CountValues(list)
	if err != nil {
		return
	}
	var items [][]byte // of an extension or leaf: path and value
	for rest := list; len(rest) > 0; {
		kind, content, next, err := rlp.Split(rest)
		if err != nil {
			return
		}
		encoding := rest[:len(rest)-len(next)]
		rest = next
		if count == 2 {
			if items = append(items, content); kind == rlp.List && len(items) == 2 {
				items[1] = encoding
			}
			continue
		}
		w.child(kind, content, encoding, accounts)
	}
	if len(items) != 2 || len(items[0]) == 0 {
		return
	}
	switch leaf := items[0][0]&0x20 != 0; {
	case !leaf && len(items[1]) == common.HashLength:
		w.follow(common.Hash(items[1]), accounts)
	case !leaf:
		w.visit(items[1], accounts)
	case accounts:
		var account types.StateAccount
		if rlp.DecodeBytes(items[1], &account) == nil && account.Root != types.EmptyRootHash {
			w.follow(account.Root, false)
		}
	}
}

func (w *walk) child(kind rlp.Kind, content, encoding []byte, accounts bool) {
	switch {
	case kind == rlp.List:
		w.visit(encoding, accounts)
	case len(content) == common.HashLength:
		w.follow(common.Hash(content), accounts)
	}
}
