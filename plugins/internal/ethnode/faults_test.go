package ethnode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// onMethod returns a fault that affects one method.
func onMethod(method string, answer func(w http.ResponseWriter, call ethnodetest.Call)) ethnodetest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, call ethnodetest.Call) bool {
		if !strings.HasPrefix(call.Method, method) {
			return false
		}
		answer(w, call)
		return true
	}
}

// cut closes the connection in the middle of an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

func TestFetchFaults(t *testing.T) {
	chain := ethnodetest.NewChain(6)
	status := func(code int, body string, header ...string) func(http.ResponseWriter, ethnodetest.Call) {
		return func(w http.ResponseWriter, _ ethnodetest.Call) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	edit := func(change func(w map[string]json.RawMessage)) func(*ethnodetest.Block) []byte {
		return func(b *ethnodetest.Block) []byte {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(b.Witness(), &members); err != nil {
				t.Error(err)
			}
			change(members)
			raw, _ := json.Marshal(members)
			return raw
		}
	}
	const wit, blk = "debug_executionWitness", "eth_getBlockByHash"
	for _, c := range []struct {
		name    string
		fault   ethnodetest.Fault
		witness func(*ethnodetest.Block) []byte
		set     func(*ethnodetest.Node)
		class   contract.Class
		want    string
		is      error
		after   time.Duration
	}{
		{name: "no debug namespace", set: func(n *ethnodetest.Node) { n.NoDebug = true },
			class: contract.ClassEnvironment, want: "enable the debug namespace", is: ethnode.ErrNoMethod},
		{name: "internal server error", fault: onMethod(wit, status(500, "out of memory")), class: contract.ClassRetryable, want: "HTTP 500 Internal Server Error: out of memory"},
		{name: "bad gateway", fault: onMethod(blk, status(502, "")), class: contract.ClassEnvironment, want: "gateway cannot reach the node"},
		{name: "rate limit", fault: onMethod(wit, status(429, "slow down", "Retry-After", "17")), class: contract.ClassEnvironment, want: "limits the rate", after: 17 * time.Second},
		{name: "rate limit in JSON-RPC", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.ReplyError(call, -32005, "daily request count exceeded"))
		}), class: contract.ClassEnvironment, want: "limits the rate", after: 5 * time.Second},
		{name: "wrong key", fault: onMethod(blk, status(401, "invalid api key")), class: contract.ClassEnvironment, want: "credentials"},
		{name: "no RPC here", fault: onMethod(blk, status(404, "<html>")), class: contract.ClassEnvironment, want: "no JSON-RPC is served at this address"},
		{name: "redirect", fault: onMethod(blk, status(302, "", "Location", "http://example.org/")), class: contract.ClassRetryable, want: "HTTP 302"},
		{name: "garbage", fault: onMethod(wit, status(200, "<html>hello</html>")), class: contract.ClassRetryable, want: `answer is no JSON-RPC: want an object, found "<html>`},
		{name: "empty answer", fault: onMethod(wit, status(200, "")), class: contract.ClassRetryable, want: "answer is empty"},
		{name: "garbage that is JSON", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, []byte(`{"state":["0xzz"],"headers":[]}`)))
		}), class: contract.ClassRetryable, want: "execution witness: state[0]: a character that is no hexadecimal digit"},
		{name: "empty witness", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, []byte(`{"state":[],"codes":[],"keys":[],"headers":[]}`)))
		}), class: contract.ClassRetryable, want: "it holds no header", is: witness.ErrIncomplete},
		{name: "object without members", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, []byte(`{}`)))
		}), class: contract.ClassRetryable, want: "not the answer to debug_executionWitness"},
		{name: "closed connection", fault: onMethod(wit, func(w http.ResponseWriter, _ ethnodetest.Call) { cut(w) }), class: contract.ClassRetryable, want: "debug_executionWitness"},
		{name: "truncated", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			full := ethnodetest.Reply(call, chain.At(6).Witness())
			w.Header().Set("Content-Length", fmt.Sprint(len(full)))
			w.Write(full[:len(full)/2])
			http.NewResponseController(w).Flush()
			cut(w)
		}), class: contract.ClassRetryable, want: "before the answer was complete"},
		{name: "truncated with a clean end", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			full := ethnodetest.Reply(call, chain.At(6).Witness())
			w.Write(full[:len(full)-3])
		}), class: contract.ClassRetryable, want: "before the answer was complete"},
		{name: "stalled", fault: func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
			if !strings.HasPrefix(call.Method, wit) {
				return false
			}
			w.Write(ethnodetest.Reply(call, chain.At(6).Witness())[:100])
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return true
		}, class: contract.ClassRetryable, want: "no byte arrived for too long", is: ethnode.ErrStalled},
		{name: "silent", fault: func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
			if strings.HasPrefix(call.Method, wit) {
				<-r.Context().Done()
			}
			return strings.HasPrefix(call.Method, wit)
		}, class: contract.ClassRetryable, want: "no answer within"},
		{name: "outside the window", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.ReplyError(call, -32602, "distance to target block exceeds maximum proof window"))
		}), class: contract.ClassRetryable, want: "does not have the state of the block", is: ethnode.ErrNoState},
		{name: "block unknown", fault: onMethod(blk, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, []byte("null")))
		}), class: contract.ClassRetryable, want: "does not have the block (yet)", is: ethnode.ErrNotFound},
		{name: "another block", fault: onMethod(blk, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, chain.At(5).JSON()))
		}), class: contract.ClassRetryable, want: "asked for block 6"},
		{name: "changed block", fault: onMethod(blk, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, bytes.Replace(chain.At(6).JSON(), []byte(`"gasLimit":"0x2`), []byte(`"gasLimit":"0x3`), 1)))
		}), class: contract.ClassRetryable, want: "the header hashes to"},
		{name: "another block's witness", witness: func(*ethnodetest.Block) []byte { return chain.At(4).Witness() },
			class: contract.ClassRetryable, want: "the witness belongs to another block", is: witness.ErrOtherBlock},
		{name: "trie nodes dropped", witness: edit(func(w map[string]json.RawMessage) {
			var nodes []json.RawMessage
			json.Unmarshal(w["state"], &nodes)
			w["state"], _ = json.Marshal(nodes[len(nodes)-1:]) // the last one is the root
		}), class: contract.ClassRetryable, want: "which is missing", is: witness.ErrIncomplete},
		{name: "state root dropped", witness: edit(func(w map[string]json.RawMessage) {
			var nodes []json.RawMessage
			json.Unmarshal(w["state"], &nodes)
			w["state"], _ = json.Marshal(nodes[:len(nodes)-1])
		}), class: contract.ClassRetryable, want: "is none of its", is: witness.ErrIncomplete},
		{name: "header dropped", witness: edit(func(w map[string]json.RawMessage) { w["headers"] = []byte("[]") }),
			class: contract.ClassRetryable, want: "holds no header", is: witness.ErrIncomplete},
	} {
		t.Run(c.name, func(t *testing.T) {
			node := ethnodetest.Start(t, chain)
			node.Set(func(n *ethnodetest.Node) {
				n.Fault, n.Witness = c.fault, c.witness
				if c.set != nil {
					c.set(n)
				}
			})
			// A case that waits for a limit has a short one, and only that one.
			var opt ethnode.Options
			switch c.name {
			case "stalled":
				opt.StallTimeout = 50 * time.Millisecond
			case "silent":
				opt.WitnessTimeout = 50 * time.Millisecond
			}
			source := newSource(t, node.URL, opt)
			task := openTask(t, chain.At(6).Contract(chain.ID))
			_, err := source.Fetch(t.Context(), task)
			if err == nil {
				t.Fatal("no error")
			}
			if contract.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %s: %v\nwant %s: %s", contract.ClassOf(err), err, c.class, c.want)
			}
			if e, ok := errors.AsType[*contract.Error](err); c.after > 0 && (!ok || e.After != c.after) {
				t.Errorf("retry after %v, want %v", e.After, c.after)
			}
			if files := leftOver(t, task); len(files) > 1 { // the block alone may be there
				t.Errorf("left behind: %v", files)
			}
			// The same source gets the block once the node is well. A source with a short
			// limit may need several tries on a busy machine.
			node.Set(func(n *ethnodetest.Node) { n.Fault, n.Witness, n.NoDebug = nil, nil, false })
			if opt.StallTimeout > 0 || opt.WitnessTimeout > 0 {
				return
			}
			task = openTask(t, chain.At(6).Contract(chain.ID))
			if _, err := source.Fetch(t.Context(), task); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}
