package mpt

import (
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/proofline/proofline/plugins/internal/keccak"
)

// EmptyRoot is the root of a trie without entries: keccak256(0x80).
var EmptyRoot = [32]byte(crypto.Keccak256([]byte{0x80}))

// ID is the number of an entry of a Table.
type ID int32

// None is the ID of a node that the table does not have.
const None ID = -1

// Table holds the nodes of a witness by their hash, each with links to those of its children
// that the table has. It does not change and is safe for concurrent use.
type Table struct {
	nodes []Node
	links []ID // children that the table has, ordered by node and child
	index index
	bad   map[ID]*BadEntry
}

// BadEntry is an entry of the state list that is no trie node.
type BadEntry struct {
	Index int // index in the state list
	Err   error
}

func (b *BadEntry) Error() string {
	return fmt.Sprintf("state[%d] is no trie node: %v", b.Index, b.Err)
}

func (b *BadEntry) Unwrap() error { return b.Err }

// NewTable hashes and decodes the entries of a witness's state list on all cores. It skips
// duplicates and entries that are exactly 0x80, the empty trie. The table keeps the entries.
func NewTable(state [][]byte) *Table {
	t := &Table{nodes: make([]Node, len(state)), bad: map[ID]*BadEntry{}}
	hashes := make([][32]byte, len(state))
	t.index = newIndex(hashes)
	var mu sync.Mutex
	errs := map[int]error{} // errors by the index of the entry
	parallel(len(state), func() func(from, to int) {
		h := keccak.New()
		return func(from, to int) {
			h.Hash(state[from:to], hashes[from:to])
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
	short, next := false, ID(0)
	for i, raw := range state {
		if len(raw) == 1 && raw[0] == 0x80 {
			continue
		}
		id := next
		if known := t.index.add(i, id); known {
			continue
		}
		next++
		if int(id) != i {
			t.nodes[id] = t.nodes[i]
		}
		short = short || len(raw) < 32
		if t.nodes[id].Kind == bad {
			t.bad[id] = &BadEntry{Index: i, Err: errs[i]}
		}
	}
	t.nodes = t.nodes[:next]
	t.link(short)
	return t
}

// link finds the children of all nodes in the table. short reports that the table has entries
// of fewer than 32 bytes, which can be the target of an inline reference.
func (t *Table) link(short bool) {
	parts := make([][]ID, (len(t.nodes)+batchSize-1)/batchSize)
	parallel(len(t.nodes), func() func(from, to int) {
		return func(from, to int) {
			var links []ID
			for i := from; i < to; i++ {
				node := &t.nodes[i]
				node.links = int32(len(links))
				for child := range node.width() {
					if id := t.target(node.Child(child), short, node.Kind); id != None {
						node.linked |= 1 << child
						links = append(links, id)
					}
				}
			}
			parts[from/batchSize] = links
		}
	})
	t.links = slices.Concat(parts...)
	before := int32(0)
	for i, part := range parts {
		for k := i * batchSize; k < min((i+1)*batchSize, len(t.nodes)); k++ {
			t.nodes[k].links += before
		}
		before += int32(len(part))
	}
}

// target returns the node that a reference refers to, or None. The target of an inline
// reference is the node with the hash of the inline RLP
// (lambdaclass/ethrex:crates/common/trie/trie.rs@891528d, get_embedded_root). An empty
// reference of a branch has no target.
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

// Len returns the number of distinct entries, including those that are no node.
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

// Root returns the node with this hash. found is false where the table has no such entry. The
// error is a *BadEntry where the entry is no node.
func (t *Table) Root(hash [32]byte) (id ID, found bool, err error) {
	if id = t.Find(hash); id == None {
		return None, false, nil
	}
	return id, true, t.Usable(id)
}

// Usable returns nil for a node, and a *BadEntry with the reason for an entry that is none.
func (t *Table) Usable(id ID) error {
	if t.nodes[id].Kind == bad {
		return t.bad[id]
	}
	return nil
}

// Node returns the node of a usable entry. The caller must not change it.
func (t *Table) Node(id ID) *Node { return &t.nodes[id] }

// Link returns the entry that a child of a node refers to, or None. The child has a number
// from 0 to 15 in a branch, and 0 in an extension.
func (t *Table) Link(n *Node, child int) ID {
	if n.linked>>child&1 == 0 {
		return None
	}
	return t.links[int(n.links)+bits.OnesCount16(n.linked&(1<<child-1))]
}

// Links returns the children of a node that the table has, in their order.
func (t *Table) Links(n *Node) []ID {
	end := int(n.links) + bits.OnesCount16(n.linked)
	return t.links[n.links:end:end]
}

// Hashes computes the Keccak-256 hash of each entry on all cores.
func Hashes(entries [][]byte) [][32]byte {
	hashes := make([][32]byte, len(entries))
	parallel(len(entries), func() func(from, to int) {
		h := keccak.New()
		return func(from, to int) { h.Hash(entries[from:to], hashes[from:to]) }
	})
	return hashes
}

// batchSize is the number of entries that a worker processes at a time.
const batchSize = 128

// parallel processes the numbers below n in ranges on all cores, and returns when all are
// done. Each range begins at a multiple of batchSize and has at most batchSize numbers.
// parallel calls worker once for each goroutine; only that goroutine calls the result.
func parallel(n int, worker func() func(from, to int)) {
	workers := min(runtime.GOMAXPROCS(0), (n+batchSize-1)/batchSize)
	var next atomic.Int64
	var group sync.WaitGroup
	run := func() {
		work := worker()
		for {
			from := int(next.Add(batchSize)) - batchSize
			if from >= n {
				return
			}
			work(from, min(from+batchSize, n))
		}
	}
	for range workers - 1 {
		group.Go(run)
	}
	run()
	group.Wait()
}
