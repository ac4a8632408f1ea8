package witness

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

func TestDecodeBlockRefuses(t *testing.T) {
	data, err := ReadFile(filepath.Join(witnesstest.Shared(t, "data", "mainnet", "24647140"), "block.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		change     func(map[string]any)
	}{
		{"header field", "block 24647140: the header hashes to", func(b map[string]any) { b["gasUsed"] = "0x1" }},
		{"no hash", "hash is missing", func(b map[string]any) { delete(b, "hash") }},
		{"no parent", "missing required field 'parentHash'", func(b map[string]any) { delete(b, "parentHash") }},
		{"transaction hashes", "transactions[0] is a hash: full transactions", func(b map[string]any) { b["transactions"] = []any{"0x12"} }},
		{"lost transaction", "not to transactionsRoot", func(b map[string]any) { b["transactions"] = b["transactions"].([]any)[1:] }},
		{"unknown type", "transactions[3]:", func(b map[string]any) { b["transactions"].([]any)[3].(map[string]any)["type"] = "0x7f" }},
		{"changed transaction", "not to transactionsRoot", func(b map[string]any) { b["transactions"].([]any)[3].(map[string]any)["gas"] = "0x1" }},
		{"no withdrawals", "withdrawals is missing", func(b map[string]any) { delete(b, "withdrawals") }},
		{"null withdrawal", "withdrawals[0] is null", func(b map[string]any) { b["withdrawals"].([]any)[0] = nil }},
		{"lost withdrawal", "not to withdrawalsRoot", func(b map[string]any) { b["withdrawals"] = b["withdrawals"].([]any)[1:] }},
		{"uncles", "before the Merge", func(b map[string]any) { b["uncles"] = []any{b["hash"]} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var block map[string]any
			if err := json.Unmarshal(data, &block); err != nil {
				t.Fatal(err)
			}
			c.change(block)
			text, err := json.Marshal(block)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := DecodeBlock(text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v\nwant %s", err, c.want)
			}
		})
	}
}
