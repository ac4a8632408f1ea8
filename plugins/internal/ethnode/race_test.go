package ethnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// TestRaceReportsOutcomes checks the outcomes that race passes to Candidate.Done. A cancelled
// reader gets errLost, whatever error it returns. A reader that fails by itself gets its own
// error.
func TestRaceReportsOutcomes(t *testing.T) {
	own := contract.Retryable(errors.New("internal error"))
	for name, c := range map[string]struct {
		first func(ctx context.Context) error
		want  error
	}{
		"cancelled":                     {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, errLost},
		"cancelled, with its own error": {func(ctx context.Context) error { <-ctx.Done(); return own }, errLost},
		"failed before":                 {func(context.Context) error { return own }, own},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outcomes, first := map[string]error{}, c.first
				candidate := func(label string) Candidate {
					return Candidate{Label: label, HedgeAfter: time.Second, Done: func(err error, _ time.Duration) { outcomes[label] = err }}
				}
				used := ""
				err := race(t.Context(), []Candidate{candidate("first"), candidate("second")}, func(ctx context.Context, c Candidate) (string, error) {
					if c.Label == "first" {
						return "", first(ctx)
					}
					time.Sleep(time.Second)
					return c.Label, nil
				}, func(label string) error { used = label; return nil }, func(string) {})
				if err != nil || used != "second" || outcomes["second"] != nil || !errors.Is(outcomes["first"], c.want) {
					t.Errorf("%v, used %q, told %v", err, used, outcomes)
				}
			})
		})
	}
}

// TestConfirmHead checks that a node's chain must hold its head at the head's number, and the
// head of another node below it.
func TestConfirmHead(t *testing.T) {
	hash := func(n uint64) contract.Hash { return contract.Hash{byte(n), 1} }
	answer := func(number uint64, hash contract.Hash) string {
		return fmt.Sprintf(`{"number":"0x%x","hash":"%v","parentHash":"%v","timestamp":"0x1"}`, number, hash, contract.Hash{})
	}
	for name, c := range map[string]struct {
		blocks map[uint64]string
		below  uint64
		want   bool
	}{
		"all there":             {map[uint64]string{7: answer(7, hash(7)), 9: answer(9, hash(9))}, 7, true},
		"nobody knows another":  {map[uint64]string{9: answer(9, hash(9))}, 0, true},
		"another block below":   {map[uint64]string{7: answer(7, hash(8)), 9: answer(9, hash(9))}, 7, false},
		"none below":            {map[uint64]string{9: answer(9, hash(9))}, 7, false},
		"another block as head": {map[uint64]string{7: answer(7, hash(7)), 9: answer(9, hash(8))}, 7, false},
		"the head is made up":   {map[uint64]string{7: answer(7, hash(7))}, 7, false},
		"a number that is none": {map[uint64]string{7: answer(7, hash(7)), 9: `{"number":"nine"}`}, 7, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				var calls []struct {
					ID     json.RawMessage
					Params []any
				}
				batch := json.Unmarshal(body, &calls) == nil
				if !batch {
					calls = calls[:0]
					calls = append(calls, struct {
						ID     json.RawMessage
						Params []any
					}{})
					_ = json.Unmarshal(body, &calls[0])
				}
				var parts []string
				for _, call := range calls {
					result := "null"
					for number, text := range c.blocks {
						if call.Params[0] == hexNumber(number) {
							result = text
						}
					}
					parts = append(parts, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, call.ID, result))
				}
				if batch {
					fmt.Fprintf(w, "[%s]", strings.Join(parts, ","))
					return
				}
				fmt.Fprint(w, parts[0])
			}))
			defer server.Close()
			n, err := newNode(0, Endpoint{URL: server.URL})
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			n.head = Header{Number: 9, Hash: hash(9)}
			below := Header{}
			if c.below > 0 {
				below = Header{Number: c.below, Hash: hash(c.below)}
			}
			if have := n.confirmHead(t.Context(), below); have != c.want {
				t.Errorf("have %t, want %t", have, c.want)
			}
		})
	}
}
