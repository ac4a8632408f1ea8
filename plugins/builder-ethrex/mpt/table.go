package mpt

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/crypto"
)

// EmptyRoot is the root of a trie without entries: keccak256(0x80).
var EmptyRoot = [32]byte(crypto.Keccak256([]byte{0x80}))

// ID names a node of a Table.
type ID int32

// None is the ID of a node that the table does not have.
const None ID = -1

// Table holds the nodes of a witness by their hash, each with links to those
// of its children that are in the table too. It is read-only once made and safe
// for concurrent use.
type Table struct {
	nodes []Node
	first []int32 // by node: where its links begin
	links []ID    // per branch 16, per extension 1
	index index
	bad   map[ID]*BadEntry
}

// BadEntry is an entry of the state list that is no trie node.
type BadEntry struct {
	Index int // in the list
	Err   error
}

func (b *BadEntry) Error() string {
	return fmt.Sprintf("state[%d] is no trie node: %v", b.Index, b.Err)
}

func (b *BadEntry) Unwrap() error { return b.Err }

// NewTable hashes and decodes the entries of a witness's state list, on all
// processors. It skips those that are exactly 0x80, the empty trie, and
// collapses duplicates. The table refers to the entries.
func NewTable(state [][]byte) *Table {
	t := &Table{nodes: make([]Node, len(state)), first: make([]int32, 0, len(state)), bad: map[ID]*BadEntry{}}
	hashes := make([][32]byte, len(state))
	t.index = newIndex(hashes)
	var mu sync.Mutex
	errs := map[int]error{} // by entry that is no node
	parallel(len(state), func() func(from, to int) {
		h := newHasher()
		return func(from, to int) {
			h.hash(state[from:to], hashes[from:to])
			for i := from; i < to; i++ {
				if err := t.nodes[i].Decode(state[i]); err != nil {
					t.nodes[i] = Node{Kind: bad}
					mu.Lock()
					errs[i] = err
					mu.Unlock()
				}
			}
		}
	})
	short, links := false, int32(0)
	for i, raw := range state {
		if len(raw) == 1 && raw[0] == 0x80 {
			continue
		}
		id := ID(len(t.first))
		if known := t.index.add(i, id); known {
			continue
		}
		t.first = append(t.first, links)
		if int(id) != i {
			t.nodes[id] = t.nodes[i]
		}
		short = short || len(raw) < 32
		switch t.nodes[id].Kind {
		case Branch:
			links += 16
		case Extension:
			links++
		case bad:
			t.bad[id] = &BadEntry{Index: i, Err: errs[i]}
		}
	}
	t.nodes = t.nodes[:len(t.first)]
	t.link(int(links), short)
	return t
}

// link looks up the children of all nodes. Only where short says so does the
// table hold nodes that can be the target of an inline reference.
func (t *Table) link(n int, short bool) {
	t.links = make([]ID, n)
	parallel(len(t.nodes), func() func(from, to int) {
		return func(from, to int) {
			for id := ID(from); id < ID(to); id++ {
				node, links := &t.nodes[id], t.Links(id)
				for i := range links {
					links[i] = t.target(node.Child(i), short, node.Kind)
				}
			}
		}
	})
}

// target finds the node that a reference means. An inline reference means the
// node whose hash is that of the inline RLP (lambdaclass/ethrex:crates/common/trie/trie.rs@891528d,
// get_embedded_root), and a branch's empty reference none.
func (t *Table) target(c Child, short bool, parent Kind) ID {
	var key [32]byte
	switch {
	case !c.Inline:
		key = [32]byte(c.Raw)
	case !short || c.Empty() && parent == Branch:
		return None
	default:
		key = [32]byte(crypto.Keccak256(c.Raw))
	}
	return t.Find(key)
}

// Len returns the number of distinct entries, those that are no node included.
func (t *Table) Len() int { return len(t.nodes) }

// Bad returns the entries that are no trie node.
func (t *Table) Bad() []*BadEntry {
	var list []*BadEntry
	for id := range ID(len(t.nodes)) {
		if b := t.bad[id]; b != nil {
			list = append(list, b)
		}
	}
	return list
}

// Find returns the entry with this hash, or None.
func (t *Table) Find(hash [32]byte) ID {
	return t.index.find(&hash)
}

// Root returns the node with this hash. The error is a *BadEntry where the
// entry with this hash is no node.
func (t *Table) Root(hash [32]byte) (ID, bool, error) {
	id := t.Find(hash)
	if id == None {
		return None, false, nil
	}
	return id, true, t.Usable(id)
}

// Usable returns the *BadEntry that says why an entry is no node, or nil.
func (t *Table) Usable(id ID) error {
	if t.nodes[id].Kind == bad {
		return t.bad[id]
	}
	return nil
}

// Node returns a usable node. It must not be changed.
func (t *Table) Node(id ID) *Node { return &t.nodes[id] }

// Links returns for each of a node's children (16 of a branch, one of an
// extension, none of a leaf) the entry that it refers to, or None.
func (t *Table) Links(id ID) []ID {
	from := t.first[id]
	switch t.nodes[id].Kind {
	case Branch:
		return t.links[from : from+16 : from+16]
	case Extension:
		return t.links[from : from+1 : from+1]
	}
	return nil
}

// Hashes returns the Keccak-256 hash of each entry, computed on all processors.
func Hashes(entries [][]byte) [][32]byte {
	hashes := make([][32]byte, len(entries))
	parallel(len(entries), func() func(from, to int) {
		h := newHasher()
		return func(from, to int) { h.hash(entries[from:to], hashes[from:to]) }
	})
	return hashes
}

// parallel has ranges that together cover 0 to n worked on by as many workers as
// there are processors, and returns when all is done. Each worker is made once
// and used by one goroutine.
func parallel(n int, worker func() func(from, to int)) {
	const block = 128
	workers := min(runtime.GOMAXPROCS(0), (n+block-1)/block)
	var next atomic.Int64
	var group sync.WaitGroup
	run := func() {
		work := worker()
		for {
			from := int(next.Add(block)) - block
			if from >= n {
				return
			}
			work(from, min(from+block, n))
		}
	}
	for range workers - 1 {
		group.Go(run)
	}
	run()
	group.Wait()
}
