package witnesstest

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"
)

// LargeBlocks returns the JSON of the blocks that take the most memory for their
// size, by a description of their content. It is the shortest JSON that is accepted for
// them. go-ethereum encodes it.
func LargeBlocks(t testing.TB) map[string][]byte {
	t.Helper()
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
	return map[string][]byte{
		"call data in one piece": block(t, types.Transactions{tx(10<<20, nil)}),
		"small transactions":     block(t, small),
		"access lists":           block(t, access),
	}
}

// block returns the JSON of a valid block with these transactions.
func block(t testing.TB, txs types.Transactions) []byte {
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
