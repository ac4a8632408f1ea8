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
		{"block: null: the node does not have it", nil},
		{"transactions[0]: a hash instead of a transaction: full transactions are needed", func(b object) { b["transactions"] = []any{"0x12"} }},
		{"withdrawals is missing: the guest takes no block before Shanghai", func(b object) { delete(b, "withdrawals") }},
		{"withdrawals is missing", func(b object) { b["withdrawals"] = nil }},
		{"transactions is missing", func(b object) { delete(b, "transactions") }},
		{"uncles is missing", func(b object) { delete(b, "uncles") }},
		{"uncles[0]: want 32 bytes", func(b object) { b["uncles"] = []any{"0x12"} }},
		{"hash is missing", func(b object) { delete(b, "hash") }},
		{"size is missing", func(b object) { delete(b, "size") }},
		{"parentHash: want 32 bytes, have 2 hexadecimal digits", func(b object) { b["parentHash"] = "0x12" }},
		{"miner: null, where a value is required", func(b object) { b["miner"] = nil }},
		{"gasUsed: 0x10000000000000000 has more than 64 bits", func(b object) { b["gasUsed"] = big }},
		{"gasLimit: want a string, have a number", func(b object) { b["gasLimit"] = 12 }},
		{`timestamp: "0x" is no hexadecimal number`, func(b object) { b["timestamp"] = "0x" }},
		{`number: "12" is no hexadecimal number`, func(b object) { b["number"] = "12" }},
		{"baseFeePerGas: 0x10000000000000000 has more than 64 bits", func(b object) { b["baseFeePerGas"] = big }},
		{"requestsHash: want a string that begins with 0x", func(b object) { b["requestsHash"] = "" }},
		{"extraData: odd number", func(b object) { b["extraData"] = "0x123" }},
		{"difficulty: \"0x11111111111111111111111111111111111111\"… has more than 256 bits", func(b object) { b["difficulty"] = "0x" + strings.Repeat("1", 65) }},
		{"transactions[0]: type: 0x5 is no known transaction type", func(b object) { transaction(b)["type"] = "0x5" }},
		{"transactions[0]: type: 0x10000000000000000 has more than 64 bits", func(b object) { transaction(b)["type"] = big }},
		{"transactions[0]: nonce: 0x10000000000000000 has more than 64 bits", func(b object) { transaction(b)["nonce"] = big }},
		{"transactions[0]: chainId is missing", func(b object) { delete(transaction(b), "chainId") }},
		{"transactions[0]: to is missing", func(b object) { delete(transaction(b), "to") }},
		{"transactions[0]: yParity is missing", func(b object) { delete(transaction(b), "yParity") }},
		{"transactions[0]: accessList is missing", func(b object) { delete(transaction(b), "accessList") }},
		{"transactions[0]: accessList[0]: storageKeys is missing", func(b object) {
			delete(transaction(b)["accessList"].([]any)[0].(object), "storageKeys")
		}},
		{"transactions[0]: accessList[0]: storageKeys[0]: want 32 bytes", func(b object) {
			transaction(b)["accessList"].([]any)[0].(object)["storageKeys"] = []any{"0x1"}
		}},
		{"transactions[0]: input: want a string that begins with 0x", func(b object) { transaction(b)["input"] = "deadbeef" }},
		{"transactions[0]: from is missing", func(b object) { delete(transaction(b), "from") }},
		{"transactions[0]: blockNumber is missing", func(b object) { delete(transaction(b), "blockNumber") }},
		{"transactions[0]: blobVersionedHashes is missing", func(b object) {
			transaction(b)["type"], transaction(b)["maxFeePerBlobGas"] = "0x3", "0x1"
		}},
		{"transactions[0]: to: null, where a value is required", func(b object) {
			transaction(b)["type"], transaction(b)["to"] = "0x4", nil
		}},
		{"transactions[0]: authorizationList is missing", func(b object) { transaction(b)["type"] = "0x4" }},
		{"transactions[0]: gasPrice is missing", func(b object) {
			transaction(b)["type"] = "0x0"
			delete(transaction(b), "gasPrice")
		}},
		{"withdrawals[0]: amount: 0x10000000000000000 has more than 64 bits", func(b object) {
			b["withdrawals"].([]any)[0].(object)["amount"] = big
		}},
	} {
		t.Run(c.want, func(t *testing.T) {
			text := []byte("null")
			if c.change != nil {
				var b object
				if err := json.Unmarshal(data, &b); err != nil {
					t.Fatal(err)
				}
				c.change(b)
				if text, err = json.Marshal(b); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Decode(text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v\nwant %s", err, c.want)
			}
		})
	}
}

// What ethrex fills in itself.
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

// Verify agrees with go-ethereum's own reading of the same bytes, and finds every
// change.
func TestVerify(t *testing.T) {
	for _, name := range []string{"mainnet/24647140", "mainnet/23879620", "hoodi/1265656", "geth-osaka/10", "geth-osaka/12"} {
		path := filepath.Join(witnesstest.Shared(t, "data", name), "block.json.gz")
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
			"the header hashes to":       func(b *Block) { b.Header.GasUsed++ },
			"the transactions hash to":   func(b *Block) { b.Transactions[0].Gas++ },
			"not to withdrawalsRoot":     func(b *Block) { b.Withdrawals = append(b.Withdrawals, Withdrawal{}) },
			"calls itself 0x0000000000":  func(b *Block) { b.Hash = [32]byte{} },
			"withdrawalsRoot is missing": func(b *Block) { b.Header.WithdrawalsRoot, b.Hash = nil, withoutWithdrawals(b) },
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
