// Package ethnodetest is a double of an Ethereum node for tests. It serves synthetic blocks
// with consistent witnesses, or recorded ones from files, over JSON-RPC, with the faults
// that real nodes show. go-ethereum encodes the headers, transactions and tries.
package ethnodetest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// ChainID is the default chain id of synthetic chains.
const ChainID = 1337

// Block is one block as a node serves it.
type Block struct {
	Number       uint64
	Hash, Parent contract.Hash
	JSON         func() []byte // eth_getBlockByNumber(n, true)
	Brief        func() []byte // eth_getBlockByNumber(n, false)
	Witness      func() []byte // debug_executionWitness
	header       *types.Header
}

// Chain is a canonical chain that can be extended and reorganised. It is safe
// for concurrent use.
type Chain struct {
	ID uint64

	mu     sync.Mutex
	byNum  map[uint64]*Block
	byHash map[contract.Hash]*Block // includes orphans
	head   uint64
	forks  int
	state  syntheticState
}

// NewChain returns a chain of the blocks 0 to head.
func NewChain(head uint64) *Chain { return NewChainOf(ChainID, head) }

// NewChainOf is NewChain with another chain id.
func NewChainOf(id, head uint64) *Chain {
	c := &Chain{ID: id, byNum: make(map[uint64]*Block), byHash: make(map[contract.Hash]*Block), state: stateOnce()}
	c.add(c.make(0, contract.Hash{}))
	c.Extend(int(head))
	return c
}

// NewChainOn returns a chain of the empty blocks 0 to head with the given state root. It
// serves no witnesses of its own.
func NewChainOn(state common.Hash, head uint64) *Chain {
	c := &Chain{ID: ChainID, byNum: make(map[uint64]*Block), byHash: make(map[contract.Hash]*Block), state: syntheticState{root: state}}
	c.add(c.make(0, contract.Hash{}))
	c.Extend(int(head))
	return c
}

// Header returns the block's header as geth puts it into a witness.
func (b *Block) Header() []byte { return encode(b.header) }

// Extend appends n blocks.
func (c *Chain) Extend(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		c.add(c.make(c.head+1, c.byNum[c.head].Hash))
	}
}

// Reorg replaces the newest depth blocks by n others. The old ones can still be read by
// hash.
func (c *Chain) Reorg(depth, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range depth {
		delete(c.byNum, c.head)
		c.head--
	}
	c.forks++
	for range n {
		c.add(c.make(c.head+1, c.byNum[c.head].Hash))
	}
}

// Head returns the newest block.
func (c *Chain) Head() *Block { return c.At(c.headNumber()) }

func (c *Chain) headNumber() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head
}

// At returns the canonical block of a number, nil where there is none.
func (c *Chain) At(number uint64) *Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byNum[number]
}

// ByHash returns a block, canonical or not.
func (c *Chain) ByHash(hash contract.Hash) *Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byHash[hash]
}

// Contract returns the block as a source returns it from a poll.
func (b *Block) Contract(chainID uint64) contract.Block {
	return contract.Block{ChainID: chainID, Number: b.Number, Hash: b.Hash, ParentHash: b.Parent}
}

func (c *Chain) add(b *Block) {
	c.byNum[b.Number], c.byHash[b.Hash] = b, b
	c.head = max(c.head, b.Number)
}

// Recorded returns a chain of one recorded block. dir has block.json.gz and
// witness.json.gz.
func Recorded(dir string, chainID uint64) (*Chain, error) {
	text, err := witness.ReadFile(filepath.Join(dir, "block.json.gz"))
	if err != nil {
		return nil, err
	}
	block, err := witness.DecodeBlock(text)
	if err != nil {
		return nil, err
	}
	wit, err := witness.ReadFile(filepath.Join(dir, "witness.json.gz"))
	if err != nil {
		return nil, err
	}
	b := &Block{Number: block.NumberU64(), Hash: contract.Hash(block.Hash()), Parent: contract.Hash(block.ParentHash()), header: block.Header(),
		JSON:    sync.OnceValue(func() []byte { return result(text) }),
		Brief:   sync.OnceValue(func() []byte { return withTxHashes(result(text)) }),
		Witness: sync.OnceValue(func() []byte { return result(wit) })}
	c := &Chain{ID: chainID, byNum: make(map[uint64]*Block), byHash: make(map[contract.Hash]*Block), state: stateOnce()}
	c.add(b)
	return c, nil
}

// Awaited returns a chain that ends with the parent of a recorded block, and a function
// that appends the block. The parent's header comes from the witness of the block. Its body
// is unknown, so it is served without transactions.
func Awaited(dir string, chainID uint64) (chain *Chain, arrive func(), err error) {
	chain, err = Recorded(dir, chainID)
	if err != nil {
		return nil, nil, err
	}
	block := chain.Head()
	w, err := witness.Decode(block.Witness())
	if err != nil {
		return nil, nil, err
	}
	var parent *types.Header
	for _, text := range w.Headers {
		h := new(types.Header)
		if err := rlp.DecodeBytes(text, h); err != nil {
			return nil, nil, err
		}
		if h.Number.Uint64() == block.Number-1 && contract.Hash(h.Hash()) == block.Parent {
			parent = h
		}
	}
	if parent == nil {
		return nil, nil, fmt.Errorf("%s: the witness has no header of the parent", dir)
	}
	text := sync.OnceValue(func() []byte { return blockJSON(parent, nil, nil, nil) })
	chain.mu.Lock()
	defer chain.mu.Unlock()
	delete(chain.byNum, block.Number)
	delete(chain.byHash, block.Hash)
	chain.head = 0
	chain.add(&Block{Number: block.Number - 1, Hash: block.Parent, Parent: contract.Hash(parent.ParentHash), header: parent,
		JSON: text, Brief: text, Witness: func() []byte { return []byte("null") }})
	return chain, func() {
		chain.mu.Lock()
		defer chain.mu.Unlock()
		chain.add(block)
	}, nil
}

// result returns the result of a JSON-RPC response, or the text itself where it is none.
func result(text []byte) []byte {
	var answer struct{ Result json.RawMessage }
	if json.Unmarshal(text, &answer) == nil && answer.Result != nil {
		return answer.Result
	}
	return text
}

func withTxHashes(text []byte) []byte {
	var members map[string]json.RawMessage
	must(json.Unmarshal(text, &members))
	var txs []struct{ Hash common.Hash }
	must(json.Unmarshal(members["transactions"], &txs))
	hashes := []common.Hash{}
	for _, tx := range txs {
		hashes = append(hashes, tx.Hash)
	}
	members["transactions"] = encode(hashes)
	return encode(members)
}

// syntheticState is a state trie of 301 accounts. It is the same before and after every
// block.
type syntheticState struct {
	root  common.Hash
	nodes []hexutil.Bytes
	to    common.Address
}

var senderKey, _ = crypto.ToECDSA(crypto.Keccak256([]byte("a key for tests only")))

var stateOnce = sync.OnceValue(makeState)

func makeState() syntheticState {
	var s syntheticState
	byHash := make(map[common.Hash][]byte)
	var order []common.Hash
	add := func(address common.Address) {
		h := crypto.Keccak256Hash(address[:])
		account := types.StateAccount{Nonce: 1, Balance: uint256.NewInt(1e18), Root: types.EmptyRootHash, CodeHash: types.EmptyCodeHash[:]}
		byHash[h], _ = rlp.EncodeToBytes(&account)
		order = append(order, h)
	}
	add(crypto.PubkeyToAddress(senderKey.PublicKey))
	for i := range 300 {
		s.to = common.BigToAddress(big.NewInt(int64(1000 + i)))
		add(s.to)
	}
	slices.SortFunc(order, common.Hash.Cmp) // a StackTrie takes keys in ascending order
	t := trie.NewStackTrie(func(_ []byte, _ common.Hash, blob []byte) {
		s.nodes = append(s.nodes, append(hexutil.Bytes(nil), blob...))
	})
	for _, h := range order {
		must(t.Update(h[:], byHash[h]))
	}
	s.root = t.Hash()
	return s
}

// make returns the block after parent, with number%3 transfers and a withdrawal.
func (c *Chain) make(number uint64, parent contract.Hash) *Block {
	withdrawals, txs, count := types.Withdrawals{}, types.Transactions{}, uint64(0)
	if c.state.to != (common.Address{}) {
		withdrawals = types.Withdrawals{{Index: number, Validator: 7, Address: c.state.to, Amount: 5}}
		count = number % 3
	}
	signer := types.LatestSignerForChainID(new(big.Int).SetUint64(c.ID))
	for i := range count {
		txs = append(txs, transfer(signer, number*3+i, c.state.to))
	}
	zero, beacon := uint64(0), common.Hash{1}
	withdrawalsRoot := types.DeriveSha(withdrawals, trie.NewStackTrie(nil))
	requests := types.EmptyRequestsHash
	h := &types.Header{
		ParentHash: common.Hash(parent), UncleHash: types.EmptyUncleHash, Root: c.state.root,
		TxHash: types.DeriveSha(txs, trie.NewStackTrie(nil)), ReceiptHash: types.EmptyReceiptsHash,
		Difficulty: new(big.Int), Number: new(big.Int).SetUint64(number), GasLimit: 36_000_000, GasUsed: 21000 * uint64(len(txs)),
		Time: 1_700_000_000 + 12*number, Extra: fmt.Appendf(nil, "fork %d", c.forks), BaseFee: big.NewInt(7),
		WithdrawalsHash: &withdrawalsRoot, BlobGasUsed: &zero, ExcessBlobGas: &zero, ParentBeaconRoot: &beacon, RequestsHash: &requests,
	}
	b := &Block{Number: number, Hash: contract.Hash(h.Hash()), Parent: parent, header: h}
	b.JSON = sync.OnceValue(func() []byte { return blockJSON(h, txs, withdrawals, signer) })
	b.Brief = sync.OnceValue(func() []byte { return withTxHashes(b.JSON()) })
	b.Witness = sync.OnceValue(func() []byte { return []byte("null") })
	if number > 0 {
		parentHeader, nodes := c.byHash[parent].header, c.state.nodes
		b.Witness = sync.OnceValue(func() []byte {
			return encode(map[string]any{"state": nodes, "codes": []hexutil.Bytes{}, "keys": nil, "headers": []*types.Header{parentHeader}})
		})
	}
	return b
}

// transfers caches signed transfers by chain and nonce, because signing takes most of the
// time of making a block.
var transfers sync.Map

func transfer(signer types.Signer, nonce uint64, to common.Address) *types.Transaction {
	id := [2]uint64{signer.ChainID().Uint64(), nonce}
	if tx, ok := transfers.Load(id); ok {
		return tx.(*types.Transaction)
	}
	tx := types.MustSignNewTx(senderKey, signer, &types.DynamicFeeTx{ChainID: signer.ChainID(), Nonce: nonce,
		GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1e9), Gas: 21000, To: &to, Value: big.NewInt(1)})
	transfers.Store(id, tx)
	return tx
}

func blockJSON(h *types.Header, txs types.Transactions, withdrawals types.Withdrawals, signer types.Signer) []byte {
	var members map[string]json.RawMessage
	must(json.Unmarshal(encode(h), &members))
	for name, value := range members {
		if string(value) == "null" {
			delete(members, name)
		}
	}
	list := []map[string]json.RawMessage{}
	for i, tx := range txs {
		var t map[string]json.RawMessage
		must(json.Unmarshal(encode(tx), &t))
		from, err := types.Sender(signer, tx)
		must(err)
		t["from"], t["blockHash"], t["blockNumber"], t["transactionIndex"] = encode(from), encode(h.Hash()), encode((*hexutil.Big)(h.Number)), encode(hexutil.Uint64(i))
		list = append(list, t)
	}
	block := types.NewBlockWithHeader(h).WithBody(types.Body{Transactions: txs, Withdrawals: withdrawals})
	members["size"] = encode(hexutil.Uint64(block.Size()))
	members["hash"], members["transactions"], members["withdrawals"], members["uncles"] = encode(h.Hash()), encode(list), encode(withdrawals), encode([]common.Hash{})
	return encode(members)
}

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	must(err)
	return raw
}

// must panics on an error that only a fault in this package can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
