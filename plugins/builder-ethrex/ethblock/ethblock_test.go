package ethblock

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

const tiny = "../input/testdata/tiny/block.json"

// TestRefusals checks blocks that the protocol allows and that ethrex's types cannot hold.
// Package witness tests blocks that no reader accepts.
func TestRefusals(t *testing.T) {
	data, err := os.ReadFile(tiny)
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	transaction := func(b object) object { return b["transactions"].([]any)[0].(object) }
	const big = "0x10000000000000000"
	for _, c := range []struct {
		want   string
		change func(b object)
	}{
		{"block 25000001: withdrawals is missing: the guest takes no block before Shanghai", func(b object) { delete(b, "withdrawals") }},
		{"withdrawals is missing", func(b object) { b["withdrawals"] = nil }},
		{"baseFeePerGas: 0x10000000000000000 has more than 64 bits", func(b object) { b["baseFeePerGas"] = big }},
		{"transactions[0]: chainId: 0x10000000000000000 has more than 64 bits", func(b object) { transaction(b)["chainId"] = big }},
		{"transactions[0]: maxPriorityFeePerGas: 0x10000000000000000 has more than 64 bits", func(b object) { transaction(b)["maxPriorityFeePerGas"] = big }},
		{"transactions[0]: maxFeePerGas: 0x10000000000000000 has more than 64 bits", func(b object) { transaction(b)["maxFeePerGas"] = big }},
		{"block 25000001: transactions[0]: gas is missing", func(b object) { delete(transaction(b), "gas") }},
	} {
		t.Run(c.want, func(t *testing.T) {
			var b object
			if err := json.Unmarshal(data, &b); err != nil {
				t.Fatal(err)
			}
			c.change(b)
			text, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v\nwant %s", err, c.want)
			}
		})
	}
}

// TestDefaults checks the values that ethrex sets itself.
func TestDefaults(t *testing.T) {
	data, err := os.ReadFile(tiny)
	if err != nil {
		t.Fatal(err)
	}
	var b map[string]any
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	delete(b, "difficulty")
	b["baseFeePerGas"], b["blobGasUsed"] = "", nil
	delete(b, "requestsHash")
	tx := b["transactions"].([]any)[0].(map[string]any)
	delete(tx, "type")
	tx["to"], tx["blockNumber"] = "", nil
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "result": b})
	if err != nil {
		t.Fatal(err)
	}
	have, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	h, transaction := &have.Header, &have.Transactions[0]
	if !h.Difficulty.IsZero() || h.BaseFeePerGas != nil || h.BlobGasUsed != nil || h.RequestsHash != nil {
		t.Errorf("header %+v", h)
	}
	if transaction.Type != TypeDynamicFee || transaction.To != nil {
		t.Errorf("transaction %+v", transaction)
	}
}

// TestVerify checks that Verify gives the same block as go-ethereum from the same bytes, and
// that it finds every change.
func TestVerify(t *testing.T) {
	paths := []string{}
	for n := 1; n <= 19; n++ {
		paths = append(paths, witnesstest.Geth(t, n))
	}
	if root, err := witnesstest.Find("data"); err == nil {
		for _, name := range []string{"mainnet/24647140", "mainnet/23879620", "hoodi/1265656"} {
			paths = append(paths, filepath.Join(root, name))
		}
	}
	for _, name := range paths {
		path := filepath.Join(name, "block.json.gz")
		b, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		have, err := b.Verify()
		if err != nil {
			t.Fatal(err)
		}
		want, err := witness.ReadBlock(path)
		if err != nil {
			t.Fatal(err)
		}
		if have.Hash() != want.Hash() || have.Hash() != common.Hash(b.Hash) || len(have.Transactions()) != len(want.Transactions()) {
			t.Errorf("%s: %v, want %v", name, have.Hash(), want.Hash())
		}
		for i, tx := range have.Transactions() {
			if tx.Hash() != want.Transactions()[i].Hash() {
				t.Errorf("%s: transactions[%d] is %v, want %v", name, i, tx.Hash(), want.Transactions()[i].Hash())
			}
		}
		for what, change := range map[string]func(b *Block){
			"the header hashes to":         func(b *Block) { b.Header.GasUsed++ },
			"the transactions hash to":     func(b *Block) { b.Transactions = append(b.Transactions, Transaction{}) },
			"not to withdrawalsRoot":       func(b *Block) { b.Withdrawals = append(b.Withdrawals, Withdrawal{}) },
			"block's hash is 0x0000000000": func(b *Block) { b.Hash = [32]byte{} },
			"withdrawalsRoot is missing":   func(b *Block) { b.Header.WithdrawalsRoot, b.Hash = nil, withoutWithdrawals(b) },
		} {
			changed := *b
			changed.Transactions = append([]Transaction{}, b.Transactions...)
			change(&changed)
			if _, err := changed.Verify(); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: have %v, want %s", name, err, what)
			}
		}
	}
}

func withoutWithdrawals(b *Block) [32]byte {
	h := b.Header
	h.WithdrawalsRoot = nil
	return h.ComputeHash()
}

// FuzzDecode looks for blocks that panic, and for ones that are read differently
// from go-ethereum although both accept them.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("../input/testdata/random/*.block.json")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range append(files[:6], tiny) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, wantErr := witness.DecodeBlock(data)
		b, err := Decode(data)
		if err != nil {
			return
		}
		have, err := b.Verify()
		if err == nil && wantErr == nil && have.Hash() != want.Hash() {
			t.Errorf("hash %v, go-ethereum reads %v", have.Hash(), want.Hash())
		}
	})
}

// TestMemory limits the memory for reading, converting and checking a block, relative to its
// size on disk. Package main measures the memory of an input.
func TestMemory(t *testing.T) {
	blocks := witnesstest.LargeBlocks(t)
	for name, text := range blocks {
		path := filepath.Join(t.TempDir(), "block.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		size := len(text)
		text, blocks[name] = nil, nil
		var err error
		peak := witnesstest.PeakHeap(func() {
			var b *Block
			if b, err = Read(path); err == nil {
				_, err = b.Check()
			}
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ratio := float64(peak) / float64(size)
		t.Logf("%-25s %5.1f MB, %.2f times its size", name, float64(size)/1e6, ratio)
		if ratio > 3 { // garbage included
			t.Errorf("%s: %d bytes take %d, %.2f times as much", name, size, peak, ratio)
		}
	}
}
