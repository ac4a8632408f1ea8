package stateless

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/triedb"
	"github.com/ethereum/go-ethereum/triedb/database"

	"github.com/proofline/proofline/plugins/internal/keccak"
)

var errReadOnly = errors.New("a witness is read-only")

// blob is a trie node or a bytecode. used is set when the execution reads it.
type blob struct {
	data []byte
	used atomic.Bool
}

// witnessDB is the part of the state before the block that the witness contains. It
// implements state.Database and, for the tries, database.NodeDatabase. It records which
// nodes, codes and accounts the execution reads, and which are missing.
//
// It is safe for concurrent use, because go-ethereum updates storage tries concurrently.
type witnessDB struct {
	nodes map[common.Hash]*blob
	codes map[common.Hash]*blob

	mu           sync.Mutex
	touched      map[common.Address]struct{}
	missingNodes []MissingNode // in the order in which they were read
	missingCodes []MissingCode
}

func newWitnessDB(nodes, codes [][]byte) *witnessDB {
	return &witnessDB{
		nodes:   indexByHash(nodes),
		codes:   indexByHash(codes),
		touched: make(map[common.Address]struct{}),
	}
}

// indexByHash maps the Keccak-256 hash of each entry to the entry. It hashes on all
// cores, because that takes a large part of a block's time.
func indexByHash(entries [][]byte) map[common.Hash]*blob {
	var (
		hashes  = make([][32]byte, len(entries))
		workers = runtime.GOMAXPROCS(0)
		group   sync.WaitGroup
	)
	for w := range workers {
		from, to := w*len(entries)/workers, (w+1)*len(entries)/workers
		group.Go(func() { keccak.New().Hash(entries[from:to], hashes[from:to]) })
	}
	group.Wait()
	blobs := make([]blob, len(entries))
	indexed := make(map[common.Hash]*blob, len(entries))
	for i := range entries {
		blobs[i].data = entries[i]
		indexed[hashes[i]] = &blobs[i]
	}
	return indexed
}

// countUsed returns the number of entries that the execution has read.
func countUsed(indexed map[common.Hash]*blob) int {
	n := 0
	for _, b := range indexed {
		if b.used.Load() {
			n++
		}
	}
	return n
}

// incomplete returns an error that lists what the execution read and the witness
// lacks, nil where nothing is missing.
func (db *witnessDB) incomplete(block uint64, headers []MissingHeader) *IncompleteError {
	if len(db.missingNodes) == 0 && len(db.missingCodes) == 0 && len(headers) == 0 {
		return nil
	}
	owners := make(map[common.Hash]*common.Address, len(db.touched))
	for addr := range db.touched {
		owners[crypto.Keccak256Hash(addr[:])] = &addr
	}
	nodes := slices.Clone(db.missingNodes)
	for i := range nodes {
		nodes[i].Account = owners[nodes[i].Owner]
	}
	return &IncompleteError{Block: block, Nodes: nodes, Codes: slices.Clone(db.missingCodes), Headers: headers}
}

// addresses returns the accounts that the execution has read, in ascending order.
func (db *witnessDB) addresses() []common.Address {
	list := make([]common.Address, 0, len(db.touched))
	for addr := range db.touched {
		list = append(list, addr)
	}
	slices.SortFunc(list, common.Address.Cmp)
	return list
}

// NodeReader implements database.NodeDatabase.
func (db *witnessDB) NodeReader(common.Hash) (database.NodeReader, error) { return db, nil }

// Node implements database.NodeReader. It records a missing node and returns nil, nil
// for it, which the trie turns into its MissingNodeError.
func (db *witnessDB) Node(owner common.Hash, path []byte, hash common.Hash) ([]byte, error) {
	if node, ok := db.nodes[hash]; ok {
		node.used.Store(true)
		return node.data, nil
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if !slices.ContainsFunc(db.missingNodes, func(n MissingNode) bool { return n.Hash == hash }) {
		db.missingNodes = append(db.missingNodes, MissingNode{Hash: hash, Path: bytes.Clone(path), Owner: owner})
	}
	return nil, nil
}

// Type implements state.Database.
func (db *witnessDB) Type() state.DatabaseType { return state.TypeMPT }

// OpenTrie implements state.Database.
func (db *witnessDB) OpenTrie(root common.Hash) (state.Trie, error) {
	return trie.NewStateTrie(trie.StateTrieID(root), db)
}

// OpenStorageTrie implements state.Database.
func (db *witnessDB) OpenStorageTrie(stateRoot common.Hash, addr common.Address, root common.Hash, _ state.Trie) (state.Trie, error) {
	return trie.NewStateTrie(trie.StorageTrieID(stateRoot, crypto.Keccak256Hash(addr[:]), root), db)
}

// Reader implements state.Database.
func (db *witnessDB) Reader(root common.Hash) (state.Reader, error) {
	accounts, err := db.OpenTrie(root)
	if err != nil {
		return nil, err
	}
	return &reader{db: db, root: root, accounts: accounts, storage: make(map[common.Address]state.Trie)}, nil
}

// TrieDB implements state.Database. It returns nil, because the tries read witnessDB.
func (db *witnessDB) TrieDB() *triedb.Database { return nil }

// Iteratee implements state.Database.
func (db *witnessDB) Iteratee(common.Hash) (state.Iteratee, error) {
	return nil, errors.New("a witness cannot be iterated: it shows a part of the state")
}

// Commit implements state.Database.
func (db *witnessDB) Commit(*state.StateUpdate) error { return errReadOnly }

// reader implements state.Reader over witnessDB.
type reader struct {
	db   *witnessDB
	root common.Hash

	mu       sync.Mutex // tries are not safe for concurrent reads
	accounts state.Trie
	storage  map[common.Address]state.Trie
}

// Account implements state.StateReader.
func (r *reader) Account(addr common.Address) (*types.StateAccount, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.db.mu.Lock()
	r.db.touched[addr] = struct{}{}
	r.db.mu.Unlock()
	return r.accounts.GetAccount(addr)
}

// Storage implements state.StateReader.
func (r *reader) Storage(addr common.Address, slot common.Hash) (common.Hash, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tr, ok := r.storage[addr]
	if !ok {
		account, err := r.accounts.GetAccount(addr)
		if err != nil || account == nil {
			return common.Hash{}, err
		}
		if tr, err = r.db.OpenStorageTrie(r.root, addr, account.Root, nil); err != nil {
			return common.Hash{}, err
		}
		r.storage[addr] = tr
	}
	value, err := tr.GetStorage(addr, slot[:])
	if err != nil {
		return common.Hash{}, err
	}
	return common.BytesToHash(value), nil
}

// Code implements state.ContractCodeReader.
func (r *reader) Code(addr common.Address, hash common.Hash) []byte {
	if code, ok := r.db.codes[hash]; ok {
		code.used.Store(true)
		return code.data
	}
	r.db.mu.Lock()
	defer r.db.mu.Unlock()
	if !slices.ContainsFunc(r.db.missingCodes, func(c MissingCode) bool { return c.Hash == hash }) {
		r.db.missingCodes = append(r.db.missingCodes, MissingCode{Hash: hash, Account: addr})
	}
	return nil
}

// CodeSize implements state.ContractCodeReader.
func (r *reader) CodeSize(addr common.Address, hash common.Hash) int { return len(r.Code(addr, hash)) }

// Has implements state.ContractCodeReader.
func (r *reader) Has(addr common.Address, hash common.Hash) bool { return len(r.Code(addr, hash)) > 0 }
