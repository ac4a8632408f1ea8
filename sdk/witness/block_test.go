package witness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

type object = map[string]any

// gethBlock is the text of a block that geth served.
func gethBlock(t testing.TB, number int) []byte {
	t.Helper()
	text, err := ReadFile(filepath.Join(witnesstest.Geth(t, number), "block.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Result != nil {
		return answer.Result
	}
	return text
}

// changed is a document after a change of its members.
func changed(t testing.TB, text []byte, change func(object)) []byte {
	t.Helper()
	var v object
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	change(v)
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func transactions(b object) (list []object) {
	for _, tx := range b["transactions"].([]any) {
		list = append(list, tx.(object))
	}
	return list
}

func each(change func(tx object)) func(object) {
	return func(b object) {
		for _, tx := range transactions(b) {
			change(tx)
		}
	}
}

// padded is a quantity with a leading zero.
func padded(v any) any {
	if text, ok := v.(string); ok {
		return "0x0" + text[2:]
	}
	return v
}

func pad(o object, names ...string) {
	for _, name := range names {
		if _, there := o[name]; there {
			o[name] = padded(o[name])
		}
	}
}

// The dialects of clients: what does not enter a hash may be written in any way,
// or be absent, and numbers in any length. The transaction types 0 to 4 occur.
func TestBlockDialects(t *testing.T) {
	kinds := map[byte]bool{}
	for n := 1; n <= 19; n++ {
		text := gethBlock(t, n)
		want, err := DecodeBlock(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, tx := range want.Transactions() {
			kinds[tx.Type()] = true
		}
		for name, change := range map[string]func(object){
			"as geth sends it":             func(object) {},
			"no hash":                      func(b object) { delete(b, "hash") },
			"no size, uncles, difficulty":  func(b object) { delete(b, "size"); delete(b, "uncles"); delete(b, "difficulty") },
			"uncles null":                  func(b object) { b["uncles"] = nil },
			"more members":                 func(b object) { b["author"], b["totalDifficulty"], b["sealFields"] = b["miner"], nil, []any{} },
			"null where nothing is":        func(b object) { b["balHash"], b["blockAccessListHash"], b["slotNumber"] = nil, nil, nil },
			"numbers of the header padded": func(b object) { pad(b, "gasUsed", "gasLimit", "timestamp", "baseFeePerGas", "number", "blobGasUsed") },
			"a short nonce":                func(b object) { b["nonce"] = "0x0" },
			"upper case":                   func(b object) { b["stateRoot"] = "0x" + strings.ToUpper(b["stateRoot"].(string)[2:]) },
			"withdrawals padded": func(b object) {
				for _, w := range b["withdrawals"].([]any) {
					pad(w.(object), "index", "validatorIndex", "amount")
				}
			},
			"numbers of transactions padded": each(func(tx object) {
				pad(tx, "gas", "nonce", "value", "r", "s", "v", "gasPrice", "maxFeePerGas", "chainId", "type")
			}),
			"only what enters the hash": each(func(tx object) {
				for _, name := range []string{"from", "hash", "blockNumber", "blockHash", "transactionIndex", "blockTimestamp"} {
					delete(tx, name)
				}
			}),
			"rubbish where nobody looks": each(func(tx object) {
				tx["from"], tx["hash"], tx["blockNumber"], tx["transactionIndex"] = 7, nil, "x", []any{object{}}
			}),
			"data in place of input": each(func(tx object) { tx["data"] = tx["input"]; delete(tx, "input") }),
			"data beside input":      each(func(tx object) { tx["data"] = tx["input"] }),
			"no to where a contract is made": each(func(tx object) {
				if tx["to"] == nil {
					delete(tx, "to")
				}
			}),
			"yParity without v": each(func(tx object) {
				if tx["type"] != "0x0" {
					delete(tx, "v")
				}
			}),
			"v without yParity": each(func(tx object) { delete(tx, "yParity") }),
			"yParity null":      each(func(tx object) { tx["yParity"] = nil }),
			"accessList null where it is empty": each(func(tx object) {
				if list, _ := tx["accessList"].([]any); len(list) == 0 {
					tx["accessList"] = nil
				}
			}),
			"gasPrice of a type without one": each(func(tx object) {
				if tx["type"] != "0x0" && tx["type"] != "0x1" {
					tx["gasPrice"] = "0x1"
				}
			}),
			"no chainId in a legacy one": each(func(tx object) {
				if tx["type"] == "0x0" {
					tx["chainId"] = nil
				}
			}),
			"no type": each(func(tx object) { delete(tx, "type") }),
			"authorizations with v": each(func(tx object) {
				list, _ := tx["authorizationList"].([]any)
				for _, a := range list {
					a := a.(object)
					a["v"] = a["yParity"]
					delete(a, "yParity")
					pad(a, "chainId", "nonce", "r", "s")
				}
			}),
		} {
			have, err := DecodeBlock(changed(t, text, change))
			if err != nil || have.Hash() != want.Hash() || types.DeriveSha(have.Transactions(), trie.NewStackTrie(nil)) != want.TxHash() {
				t.Errorf("block %d: %s: %v", n, name, err)
			}
		}
	}
	if len(kinds) != 5 {
		t.Errorf("the blocks hold the transaction types %v, want 0 to 4", kinds)
	}
}

// What enters a hash must be there and have the right form.
func TestBlockRefuses(t *testing.T) {
	const big = "0x10000000000000000"
	first := func(change func(tx object)) func(object) { return func(b object) { change(transactions(b)[0]) } }
	set := func(name string, value any) func(object) { return func(o object) { o[name] = value } }
	without := func(name string) func(object) { return func(o object) { delete(o, name) } }
	for _, c := range []struct {
		number int
		want   string
		change func(object)
	}{
		{10, "block: null: the node does not have it", nil},
		{10, "transactions is missing", without("transactions")},
		{10, "parentHash is missing", without("parentHash")},
		{10, "miner is missing", set("miner", nil)},
		{10, "withdrawals is missing", without("withdrawals")},
		{10, "withdrawals is missing", set("withdrawals", nil)},
		{10, "withdrawals without withdrawalsRoot", func(b object) {
			for _, name := range []string{"hash", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"} {
				delete(b, name)
			}
		}},
		{10, "withdrawalsRoot is missing", func(b object) { delete(b, "withdrawalsRoot"); delete(b, "hash") }},
		{10, "parentHash: want 32 bytes, have 2 hexadecimal digits", set("parentHash", "0x12")},
		{10, "gasUsed: 0x10000000000000000 has more than 64 bits", set("gasUsed", big)},
		{10, "number: 0x10000000000000000 has more than 64 bits", set("number", big)},
		{10, "gasLimit: want a string, have a number", set("gasLimit", 12)},
		{10, `timestamp: "0x" is no hexadecimal number`, set("timestamp", "0x")},
		{10, `timestamp: "12" is no hexadecimal number`, set("timestamp", "12")},
		{10, "requestsHash: want a string that begins with 0x", set("requestsHash", "")},
		{10, "extraData: odd number", set("extraData", "0x123")},
		{10, "has more than 256 bits", set("difficulty", "0x"+strings.Repeat("1", 65))},
		{10, "before the Merge", func(b object) { b["sha3Uncles"] = b["parentHash"]; delete(b, "hash") }},
		{10, "the header hashes to", set("gasUsed", "0x1")},
		{10, "but the block calls itself", func(b object) { b["hash"] = b["parentHash"] }},
		{10, "not to transactionsRoot", set("transactions", []any{})},
		{10, "transactions[0]: a hash instead of a transaction: full transactions are needed", set("transactions", []any{"0x12"})},
		{10, "transactions[0]: type: 0x5 is no known transaction type", first(set("type", "0x5"))},
		{10, "transactions[0]: type: 0x10000000000000000 has more than 64 bits", first(set("type", big))},
		{10, "transactions[0]: nonce: 0x10000000000000000 has more than 64 bits", first(set("nonce", big))},
		{10, "transactions[0]: input: want a string that begins with 0x", first(set("input", "deadbeef"))},
		{10, "transactions[0]: input is missing", first(without("input"))},
		{10, "transactions[0]: r is missing", first(set("r", nil))},
		{1, "withdrawals[0]: amount: 0x10000000000000000 has more than 64 bits", func(b object) {
			b["withdrawals"] = []any{object{"index": "0x0", "validatorIndex": "0x0", "address": b["miner"], "amount": big}}
		}},
		{1, "withdrawals[0]: null where an object is required", set("withdrawals", []any{nil})},
		{1, "withdrawals[0]: address is missing", set("withdrawals", []any{object{"index": "0x0", "validatorIndex": "0x0", "amount": "0x0"}})},
	} {
		text := []byte("null")
		if c.change != nil {
			text = changed(t, gethBlock(t, c.number), c.change)
		}
		if _, err := DecodeBlock(text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("have %v\nwant %s", err, c.want)
		}
	}
	// By transaction type.
	for n := 1; n <= 19; n++ {
		text := gethBlock(t, n)
		for i, tx := range func() (list []object) {
			var b object
			if err := json.Unmarshal(text, &b); err != nil {
				t.Fatal(err)
			}
			return transactions(b)
		}() {
			for _, name := range []string{"chainId", "gasPrice", "maxPriorityFeePerGas", "maxFeePerGas", "maxFeePerBlobGas", "blobVersionedHashes", "authorizationList", "gas", "value", "nonce"} {
				if _, there := tx[name]; !there || name == "gasPrice" && tx["type"] != "0x0" && tx["type"] != "0x1" || name == "chainId" && tx["type"] == "0x0" {
					continue
				}
				_, err := DecodeBlock(changed(t, text, func(b object) { delete(transactions(b)[i], name) }))
				if want := fmt.Sprintf("transactions[%d]: %s is missing", i, name); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("block %d: have %v, want %s", n, err, want)
				}
			}
		}
	}
	twice := bytes.Replace(gethBlock(t, 10), []byte(`"gasUsed"`), []byte(`"gasUsed":"0x1","gasUsed"`), 1)
	if _, err := DecodeBlock(twice); err == nil || !strings.Contains(err.Error(), "gasUsed is there twice") {
		t.Errorf("a member twice: %v", err)
	}
}

// A block is read the same from memory and as a stream of any pieces, and an error
// of the stream comes out as it is.
func TestScanBlock(t *testing.T) {
	text := gethBlock(t, 12)
	want, err := DecodeBlock(text)
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]io.Reader{"whole": bytes.NewReader(text), "bytes": iotest.OneByteReader(bytes.NewReader(text)), "halves": iotest.HalfReader(bytes.NewReader(text))} {
		have, err := ScanBlock(src)
		if err != nil || have.Hash() != want.Hash() || fmt.Sprint(have.Senders) != fmt.Sprint(want.Senders) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ScanBlock(io.MultiReader(bytes.NewReader(text[:1000]), iotest.ErrReader(io.ErrClosedPipe))); err == nil || !strings.Contains(err.Error(), io.ErrClosedPipe.Error()) {
		t.Errorf("have %v", err)
	}
}

// A block that is longer than one of its gas limit can be is given up at once.
func TestBlockLimit(t *testing.T) {
	text := changed(t, gethBlock(t, 10), func(b object) { b["gasLimit"], b["gasUsed"] = "0x5208", "0x0" })
	members := string(text[:len(text)-1])
	endless := io.MultiReader(strings.NewReader(members), strings.NewReader(`,"extra":["`), &repeat{text: `0123456789abcdef`})
	_, err := ScanBlock(io.LimitReader(endless, 2*blockLimit(0x5208)))
	if err == nil || !strings.Contains(err.Error(), "more than a block of its gas limit can need") {
		t.Errorf("have %v", err)
	}
	if blockLimit(1<<63) > 1<<30 || blockLimit(60e6) < 60e6 || Limit(1<<63) > 1<<33 || Limit(60e6) < 1e9 {
		t.Errorf("limits %d, %d, %d, %d", blockLimit(1<<63), blockLimit(60e6), Limit(1<<63), Limit(60e6))
	}
}

// repeat is a text without end.
type repeat struct{ text string }

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], r.text)
	}
	return n, nil
}
