package ethnode_test

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/sdktest/freeport"
	"github.com/proofline/proofline/sdk/witness"
)

// realNode is go-ethereum in this process, over HTTP and WebSocket.
type realNode struct {
	*simulated.Backend
	url, ws string
	nonce   uint64
	t       *testing.T
}

var faucet, _ = crypto.ToECDSA(crypto.Keccak256([]byte("a faucet for tests only")))

func startRealNode(t *testing.T) *realNode {
	n := &realNode{t: t}
	var stack *node.Config
	alloc := types.GenesisAlloc{crypto.PubkeyToAddress(faucet.PublicKey): {Balance: new(big.Int).Lsh(big.NewInt(1), 100)}}
	for i := range 2000 {
		alloc[common.BigToAddress(big.NewInt(int64(5000+i)))] = types.Account{Balance: big.NewInt(1)}
	}
	n.Backend = simulated.NewBackend(alloc, func(c *node.Config, _ *ethconfig.Config) {
		c.HTTPHost, c.HTTPPort, c.HTTPModules = "127.0.0.1", freeport.Take(t, 1), []string{"eth", "debug", "web3"}
		c.WSHost, c.WSPort, c.WSModules = "127.0.0.1", freeport.Take(t, 1), []string{"eth"}
		stack = c
	})
	t.Cleanup(func() { n.Close() })
	n.url, n.ws = "http://"+stack.HTTPEndpoint(), "ws://"+stack.WSEndpoint()
	return n
}

// block makes a block with n transfers and returns its header.
func (n *realNode) block(transfers int) *types.Header {
	n.t.Helper()
	id, err := n.Client().ChainID(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for i := range transfers {
		to := common.BigToAddress(big.NewInt(int64(5000 + (int(n.nonce)+i*37)%2000)))
		tx := types.MustSignNewTx(faucet, types.LatestSignerForChainID(id), &types.DynamicFeeTx{ChainID: id, Nonce: n.nonce,
			GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e11), Gas: 200_000, To: &to, Value: big.NewInt(7)})
		if err := n.Client().SendTransaction(n.t.Context(), tx); err != nil {
			n.t.Fatal(err)
		}
		n.nonce++
	}
	n.Commit()
	h, err := n.Client().HeaderByNumber(n.t.Context(), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return h
}

// wantMatch checks that the fetched files belong to the block's hash.
func wantMatch(t *testing.T, dir string, block contract.Block) {
	t.Helper()
	b, err := witness.ReadBlock(filepath.Join(dir, "out", "block.json"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Read(filepath.Join(dir, "out", "witness.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Check(b.Block); err != nil || contract.Hash(b.Hash()) != block.Hash {
		t.Errorf("block %d: %v; hash %v, want %v", block.Number, err, b.Hash(), block.Hash)
	}
}

func TestRealNode(t *testing.T) {
	n := startRealNode(t)
	pool, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: n.url, WS: n.ws})
	p := onPool(t, source, contract.Selection{Every: 1})
	n.block(1)
	p.settle()
	for i := range 5 {
		n.block(1 + 20*i)
		p.settle()
	}
	if len(p.live) != 6 {
		t.Fatalf("%d blocks, want 6; health %+v", len(p.live), pool.Health())
	}
	for _, b := range p.live {
		task := openTask(t, b)
		result, err := source.Fetch(t.Context(), task)
		if err != nil {
			t.Fatal(err)
		}
		if result.Facts["tx_count"] != fmt.Sprint(b.TxCount) {
			t.Errorf("block %d has %d transactions, the facts say %v", b.Number, b.TxCount, result.Facts)
		}
		wantMatch(t, task.Dir, b)
	}

	// A reorg of depth 2, longer by one.
	head, err := n.Client().HeaderByNumber(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	parent, err := n.Client().HeaderByNumber(t.Context(), new(big.Int).Sub(head.Number, big.NewInt(2)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the fork", func() bool { // needs an empty pool, too
		n.Rollback()
		return n.Fork(parent.Hash()) == nil
	})
	// Makes a block that is like none before, once the pool is empty: it gets the
	// forked transactions back at a time of its own.
	eventually(t, "an empty pool", func() bool {
		n.Rollback()
		return n.AdjustTime(5*time.Second) == nil
	})
	n.Commit()
	n.Commit()
	p.settle()
	if len(p.dead) != 2 || len(p.live) != 7 {
		t.Errorf("after the reorg: %d orphans and %d blocks, want 2 and 7", len(p.dead), len(p.live))
	}
	// The orphans can still be had by hash; what matters is that they are not
	// taken for the new blocks.
	for _, b := range p.live {
		task := openTask(t, b)
		if _, err := source.Fetch(t.Context(), task); err != nil {
			t.Fatalf("block %d: %v", b.Number, err)
		}
		wantMatch(t, task.Dir, b)
	}

	// newHeads alone, without polling.
	source.Interval = time.Hour
	woken := make(chan contract.PollResponse)
	go func() { woken <- p.poll(time.Minute) }()
	eventually(t, "newHeads", func() bool {
		n.Commit()
		select {
		case r := <-woken:
			return len(r.Blocks) > 0
		case <-time.After(300 * time.Millisecond):
			return false
		}
	})

	missing, err := source.Resolve(t.Context(), []uint64{0, 1 << 40})
	if err != nil || missing[0].Block == nil || missing[1].Block != nil {
		t.Errorf("resolve: %+v, %v", missing, err)
	}
	genesis := openTask(t, *missing[0].Block)
	if _, err := source.Fetch(t.Context(), genesis); contract.ClassOf(err) != contract.ClassPermanent {
		t.Errorf("the genesis block: %v", err)
	}
}

// TestNamedNode runs against the node that PROOFLINE_ETH_RPC_URL names, with
// newHeads where PROOFLINE_ETH_WS_URL is set, too.
func TestNamedNode(t *testing.T) {
	url := os.Getenv("PROOFLINE_ETH_RPC_URL")
	if url == "" {
		t.Skip("PROOFLINE_ETH_RPC_URL names no node")
	}
	_, source := newPool(t, ethnode.PoolOptions{MaxLag: time.Hour}, ethnode.Endpoint{URL: url, WS: os.Getenv("PROOFLINE_ETH_WS_URL")})
	p := onPool(t, source, contract.Selection{Every: 1})
	for range 3 { // the head, and two blocks after it
		p.poll(time.Minute)
	}
	if len(p.live) < 2 {
		t.Errorf("%d blocks in three polls", len(p.live))
	}
	for _, b := range p.live {
		task := openTask(t, b)
		if _, err := source.Fetch(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		wantMatch(t, task.Dir, b)
	}
}
