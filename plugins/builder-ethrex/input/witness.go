package input

import (
	"fmt"

	"github.com/proofline/proofline/plugins/builder-ethrex/mpt"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
	"github.com/proofline/proofline/plugins/internal/chainspec"
)

// witness holds the content of an ExecutionWitness to write.
type witness struct {
	codes   [][]byte
	headers [][]byte
	number  uint64 // number of the block
	config  *chainspec.Config
	table   *mpt.Table
	state   mpt.ID    // root of the state trie, None where the state is empty
	storage []storage // in ascending order of their keys
	keys    [][]byte
}

// storage is the storage trie of one account.
type storage struct {
	key  []byte // the address, or its hash in a format with hashedKeys
	root mpt.ID
}

// witnessData holds the positions of a witness's out-of-line data.
type witnessData struct {
	codes, headers, storage, keys rkyv.Position
	state                         nodeData
}

// storageTries describes the entries of the map of storage tries.
func (w *writer) storageTries(wit *witness) rkyv.Entries[nodeData] {
	keySize := 20
	if w.format.hashedKeys {
		keySize = 32
	}
	return rkyv.Entries[nodeData]{
		Len:       len(wit.storage),
		KeySize:   keySize,
		ValueSize: nodeSize,
		Serialize: func(i int) nodeData { return w.nodeData(wit.table, wit.storage[i].root) },
		Key:       func(i int) { w.Append(wit.storage[i].key) },
		Value:     func(_ int, d nodeData) { w.node(d) },
	}
}

func (w *writer) witnessData(wit *witness) (d witnessData) {
	d.codes = w.ByteStrings(wit.codes)
	d.headers = w.ByteStrings(wit.headers)
	if wit.state != mpt.None {
		d.state = w.nodeData(wit.table, wit.state)
	}
	d.storage = rkyv.Tree(w.Writer, w.storageTries(wit))
	if !w.format.hashedKeys {
		d.keys = w.ByteStrings(wit.keys)
	}
	return d
}

func (w *writer) witness(wit *witness, d witnessData) {
	w.Slice(d.codes, len(wit.codes))
	w.Slice(d.headers, len(wit.headers))
	w.Uint64(wit.number)
	w.chainConfig(wit.config)
	if wit.state != mpt.None {
		w.Byte(1)
		w.node(d.state)
	} else {
		w.Zero(1 + nodeSize)
	}
	w.Map(d.storage, len(wit.storage))
	if !w.format.hashedKeys {
		w.Slice(d.keys, len(wit.keys))
	}
}

// sizeOfData returns the size in bytes of the witness's out-of-line data.
func (w *writer) sizeOfData(wit *witness, m *trieSizes) (int64, error) {
	n := int64(rkyv.TreeSize(w.storageTries(wit)))
	lists := [][][]byte{wit.codes, wit.headers}
	if !w.format.hashedKeys {
		lists = append(lists, wit.keys)
	}
	for _, list := range lists {
		n += 8 * int64(len(list))
		for _, b := range list {
			n += int64(len(b))
		}
	}
	add := func(root mpt.ID) error {
		size, err := m.trie(root)
		if n += size; err == nil && n > maxSize {
			err = rkyv.ErrTooLarge
		}
		return err
	}
	if wit.state != mpt.None {
		if err := add(wit.state); err != nil {
			return 0, fmt.Errorf("state trie: %w", err)
		}
	}
	for _, s := range wit.storage {
		if err := add(s.root); err != nil {
			return 0, fmt.Errorf("storage trie of 0x%x: %w", s.key, err)
		}
	}
	return n, nil
}
