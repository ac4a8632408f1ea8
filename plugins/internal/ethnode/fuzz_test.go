package ethnode_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

// FuzzCursor polls with any cursor. The poll either fails or returns a valid cursor with which
// polling comes to an end.
func FuzzCursor(f *testing.F) {
	chain := ethnodetest.NewChain(20)
	node := ethnodetest.Start(f, chain)
	client, err := ethnode.NewClient(node.URL, ethnode.Options{})
	if err != nil {
		f.Fatal(err)
	}
	follower := &ethnode.Follower{Chain: client}
	f.Add([]byte(`{"v":1,"chain":1337,"next":5,"window":[]}`))
	f.Add([]byte(`{"v":1,"chain":1337,"next":8,"window":[{"n":7,"h":"0x` + strings.Repeat("ab", 32) + `","t":true}]}`))
	f.Add([]byte(`{"v":1,"chain":1337,"next":18446744073709551615,"window":[{"n":3,"h":"` + chain.At(3).Hash.String() + `"}]}`))
	f.Fuzz(func(t *testing.T, cursor []byte) {
		for range 3 {
			r, err := follower.Poll(t.Context(), contract.PollRequest{Cursor: cursor, Selection: contract.Selection{Every: 1}, Max: 100})
			if err != nil {
				if contract.ClassOf(err) == contract.ClassRetryable {
					t.Fatalf("a bad cursor is retried for ever: %v", err)
				}
				return
			}
			cursor = r.NextCursor
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(ethnodetest.NewChain(2).Head().Brief())
	f.Add([]byte(`{"number":"0x1","hash":null,"parentHash":"0x00","transactions":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var h ethnode.Header
		if json.Unmarshal(text, &h) == nil && h.Hash.IsZero() && !bytes.Contains(text, []byte(strings.Repeat("0", 64))) {
			t.Fatalf("no hash: %s", text)
		}
	})
}

// FuzzUnwrap compares Unwrap with encoding/json.
func FuzzUnwrap(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{"number":"0x1"}}`))
	f.Add([]byte(`{"number":"0x1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var out bytes.Buffer
		if err := ethnode.Unwrap(&out, bytes.NewReader(text)); err != nil || !json.Valid(text) {
			return
		}
		if !json.Valid(out.Bytes()) {
			t.Fatalf("%q became %q", text, out.Bytes())
		}
	})
}
