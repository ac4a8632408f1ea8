package witness

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// bigBlock is the JSON of a valid block with these transactions, as go-ethereum
// writes its parts.
func bigBlock(t *testing.T, txs types.Transactions) []byte {
	t.Helper()
	withdrawals := types.DeriveSha(types.Withdrawals{}, trie.NewStackTrie(nil))
	h := &types.Header{UncleHash: types.EmptyUncleHash, TxHash: types.DeriveSha(txs, trie.NewStackTrie(nil)), Difficulty: new(big.Int), Number: big.NewInt(7),
		GasLimit: 100e6, Extra: []byte{}, BaseFee: big.NewInt(7), WithdrawalsHash: &withdrawals}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(txs)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(append(text[:len(text)-1], `,"withdrawals":[],"transactions":`...), list...), '}')
}

// The memory that reading takes, garbage included, as a ratio to the size of what is
// read, for the largest documents of their kinds that are accepted.
func TestMemory(t *testing.T) {
	to := common.Address{1}
	tx := func(data int, access types.AccessList) *types.Transaction {
		return types.NewTx(&types.DynamicFeeTx{ChainID: big.NewInt(1), GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(1), To: &to, Value: big.NewInt(1), Data: make([]byte, data), AccessList: access,
			V: big.NewInt(1), R: big.NewInt(1 << 62), S: big.NewInt(1 << 62)})
	}
	var small, access types.Transactions
	for range 30_000 {
		small = append(small, tx(4, nil))
	}
	for range 20 {
		list := types.AccessList{}
		for i := range 8_000 {
			list = append(list, types.AccessTuple{Address: common.BigToAddress(big.NewInt(int64(i))), StorageKeys: []common.Hash{{1}}})
		}
		access = append(access, tx(0, list))
	}
	node := func(size int) string { return `"` + hexutil.Encode(bytes.Repeat([]byte{0xab}, size)) + `"` }
	witnessOf := func(entry string, count int) []byte {
		return []byte(`{"state":[` + strings.TrimSuffix(strings.Repeat(entry+",", count), ",") + `],"codes":[],"headers":[]}`)
	}
	for name, c := range map[string]struct {
		text  []byte
		block bool
	}{
		"block, call data in one piece": {bigBlock(t, types.Transactions{tx(10<<20, nil)}), true},
		"block, small transactions":     {bigBlock(t, small), true},
		"block, access lists":           {bigBlock(t, access), true},
		"witness, branches":             {witnessOf(node(532), 40_000), false},
		"witness, small leaves":         {witnessOf(node(36), 400_000), false},
		"witness, codes":                {witnessOf(node(24_576), 800), false},
	} {
		path := filepath.Join(t.TempDir(), "document.json")
		if err := os.WriteFile(path, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		size := len(c.text)
		c.text = nil
		var kept any
		var err error
		peak := witnesstest.PeakHeap(func() {
			if c.block {
				kept, err = ReadBlock(path)
			} else {
				kept, err = Read(path)
			}
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ratio := float64(peak) / float64(size)
		t.Logf("%-30s %5.1f MB, %.2f times its size", name, float64(size)/1e6, ratio)
		// A block of the smallest transactions is larger in go-ethereum's types than in
		// JSON, and go-ethereum encodes a transaction several times to hash it.
		if ratio > 3 && !c.block || ratio > 6 {
			t.Errorf("%s: reading %d bytes takes %d, %.2f times as much", name, size, peak, ratio)
		}
		runtime.KeepAlive(kept)
	}
}
