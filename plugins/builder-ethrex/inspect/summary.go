package inspect

import (
	"fmt"
	"reflect"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/plugins/builder-ethrex/mpt"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/plugins/internal/guest"
)

// Summary describes the content of a guest input.
type Summary struct {
	Format       guest.Format   `json:"format"`
	AlsoValidAs  []guest.Format `json:"also_valid_as,omitempty"`
	Framing      guest.Framing  `json:"framing"`
	ArchiveBytes int            `json:"archive_bytes"`
	Block        Block          `json:"block"`
	Witness      Witness        `json:"witness"`
	Chain        Chain          `json:"chain"`
	// Findings are the faults for which a guest will refuse the input.
	Findings []string `json:"findings"`
}

// Block describes the block. Its hash is computed from the header.
type Block struct {
	Number           uint64         `json:"number"`
	Hash             common.Hash    `json:"hash"`
	ParentHash       common.Hash    `json:"parent_hash"`
	StateRoot        common.Hash    `json:"state_root"`
	Timestamp        uint64         `json:"timestamp"`
	GasUsed          uint64         `json:"gas_used"`
	GasLimit         uint64         `json:"gas_limit"`
	Transactions     int            `json:"transactions"`
	TransactionTypes map[string]int `json:"transaction_types"`
	Withdrawals      int            `json:"withdrawals"`
}

// Witness describes the execution witness.
type Witness struct {
	Codes          int        `json:"codes"`
	CodeBytes      int        `json:"code_bytes"`
	Headers        int        `json:"headers"`
	Keys           *int       `json:"keys,omitempty"` // absent in formats without keys
	Addresses      *int       `json:"addresses,omitempty"`
	Accounts       int        `json:"accounts"`
	State          *TrieStats `json:"state,omitempty"` // absent where the state is empty
	StorageTries   int        `json:"storage_tries"`
	Storage        TrieStats  `json:"storage"` // totals of all storage tries
	LargestStorage int        `json:"largest_storage_nodes"`
}

// Chain describes the chain configuration.
type Chain struct {
	ChainID uint64 `json:"chain_id"`
	// Network is the name of the public network with this configuration, or "custom".
	Network         string            `json:"network"`
	DepositContract common.Address    `json:"deposit_contract"`
	Forks           map[string]uint64 `json:"forks"`
}

// Faults returns the number of findings.
func (s *Summary) Faults() int { return len(s.Findings) }

// Summarize describes the input and checks that its parts belong together: transactions and
// withdrawals hash to the roots in the header, the headers form a chain that ends at the
// parent, the state trie hashes to the parent's state root, and each storage trie hashes to
// the root in its account.
func (f *File) Summarize() *Summary {
	s := &Summary{Format: f.Format, AlsoValidAs: f.AlsoFormats, Framing: f.Framing, ArchiveBytes: len(f.Archive), Findings: []string{}}
	parent := s.block(block(f.Root))
	w := f.Root.Field("execution_witness")
	s.witness(w, parent)
	s.chain(w.Field("chain_config"))
	return s
}

func (s *Summary) addFinding(format string, args ...any) {
	s.Findings = append(s.Findings, fmt.Sprintf(format, args...))
}

// block describes the block and returns the hash of its parent.
func (s *Summary) block(v rkyv.View) (parent common.Hash) {
	b, err := decodeBlock(v)
	if err != nil {
		s.addFinding("block: %v", err)
		return common.Hash{}
	}
	h := &b.Header
	s.Block = Block{
		Number: h.Number, Hash: b.Hash, ParentHash: h.ParentHash, StateRoot: h.StateRoot, Timestamp: h.Timestamp, GasUsed: h.GasUsed,
		GasLimit: h.GasLimit, Transactions: len(b.Transactions), TransactionTypes: map[string]int{}, Withdrawals: len(b.Withdrawals),
	}
	transactions := v.Field("body").Field("transactions")
	for i := range transactions.Len() {
		name, _ := transactions.Index(i).Variant()
		s.Block.TransactionTypes[name]++
	}
	if _, err := b.Verify(); err != nil {
		s.addFinding("block: %v", err)
	}
	return h.ParentHash
}

func (s *Summary) witness(v rkyv.View, parent common.Hash) {
	w := &s.Witness
	codes := v.Field("codes")
	w.Codes = codes.Len()
	for i := range codes.Len() {
		w.CodeBytes += codes.Index(i).Len()
	}
	if v.HasField("keys") {
		keys, addresses := v.Field("keys"), 0
		for i := range keys.Len() {
			if keys.Index(i).Len() == 20 {
				addresses++
			}
		}
		n := keys.Len()
		w.Keys, w.Addresses = &n, &addresses
	}
	stateRoot, found := s.headers(v.Field("block_headers_bytes"), parent)
	accounts := s.state(v, stateRoot, found)
	s.storage(v.Field("storage_trie_roots"), accounts)
}

// headers checks the ancestors and returns the parent's state root.
func (s *Summary) headers(list rkyv.View, parent common.Hash) (root common.Hash, found bool) {
	s.Witness.Headers = list.Len()
	numbers := map[common.Hash]uint64{}
	parents := map[common.Hash]common.Hash{}
	for i := range list.Len() {
		raw := list.Index(i).Bytes()
		var h types.Header
		if err := rlp.DecodeBytes(raw, &h); err != nil {
			s.addFinding("headers[%d]: %v", i, err)
			continue
		}
		hash := crypto.Keccak256Hash(raw)
		numbers[hash], parents[hash] = h.Number.Uint64(), h.ParentHash
		if hash == parent {
			root, found = h.Root, true
		}
	}
	if !found {
		s.addFinding("headers: the parent %v is missing", parent)
		return root, false
	}
	linked := 0
	for at, number := parent, s.Block.Number-1; ; at, number = parents[at], number-1 {
		if have, ok := numbers[at]; !ok || have != number || linked == len(numbers) {
			break
		}
		linked++
	}
	if linked != len(numbers) {
		s.addFinding("headers: only %d of %d are a chain without gaps that ends at the parent", linked, len(numbers))
	}
	return root, true
}

// state describes the state trie and returns the storage root of each account by the hash of
// its address. It compares the trie's root with want where known is set.
func (s *Summary) state(v rkyv.View, want common.Hash, known bool) map[[32]byte][32]byte {
	accounts := map[[32]byte][32]byte{}
	root := mpt.EmptyRoot
	if node, some := v.Field("state_trie_root").Some(); some {
		h := &hasher{leaf: func(path, value []byte) {
			storageRoot, err := mpt.StorageRoot(value)
			if err != nil || len(path) != 64 {
				s.addFinding("state trie: the leaf at %x is no account", path)
				return
			}
			var key [32]byte
			for i := range key {
				key[i] = path[2*i]<<4 | path[2*i+1]&15
			}
			accounts[key] = storageRoot
		}}
		root = h.root(node)
		s.Witness.State = &h.stats
	}
	s.Witness.Accounts = len(accounts)
	if known && root != want {
		s.addFinding("state trie: its root is %v, the parent's state root is %v", common.Hash(root), want)
	}
	return accounts
}

// storage describes the storage tries and compares their roots with the accounts.
func (s *Summary) storage(tries rkyv.View, accounts map[[32]byte][32]byte) {
	s.Witness.StorageTries = tries.Len()
	tries.Entries(func(key, node rkyv.View) bool {
		hashed := key.Image()
		if len(hashed) != 32 {
			hashed = crypto.Keccak256(hashed)
		}
		h := new(hasher)
		root := h.root(node)
		s.Witness.Storage.add(h.stats)
		s.Witness.LargestStorage = max(s.Witness.LargestStorage, h.stats.Nodes)
		switch want, known := accounts[[32]byte(hashed)]; {
		case !known:
			s.addFinding("storage of 0x%x: the state trie does not have the account", key.Image())
		case root != want:
			s.addFinding("storage of 0x%x: its root is %v, the account says %v", key.Image(), common.Hash(root), common.Hash(want))
		}
		return true
	})
}

// chain describes the chain configuration.
func (s *Summary) chain(v rkyv.View) {
	c := decodeConfig(v)
	s.Chain = Chain{ChainID: c.ChainID, Network: "custom", DepositContract: c.DepositContract, Forks: map[string]uint64{}}
	for _, name := range chainspec.Networks() {
		known, err := chainspec.Network(name)
		if err != nil {
			continue
		}
		if config, err := known.Ethrex(); err == nil && reflect.DeepEqual(config, c) {
			s.Chain.Network = name
		}
	}
	for _, name := range forkNames {
		if !v.HasField(name) {
			continue
		}
		if at := someUint64(v.Field(name)); at != nil {
			s.Chain.Forks[name] = *at
		}
	}
}
