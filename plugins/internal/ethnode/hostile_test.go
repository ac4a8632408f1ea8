package ethnode_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk/contract"
)

// faultyNode is a node with one fault.
type faultyNode struct {
	name  string
	chain *ethnodetest.Chain // nil for the honest one
	set   func(n *ethnodetest.Node)
}

// answer replaces what a node answers to a method.
func answer(method string, text func(call ethnodetest.Call) []byte) func(*ethnodetest.Node) {
	return func(n *ethnodetest.Node) {
		n.Fault = onMethod(method, func(w http.ResponseWriter, call ethnodetest.Call) { w.Write(text(call)) })
	}
}

// edited changes the members of every witness of a node.
func edited(t *testing.T, change func(b *ethnodetest.Block, w map[string]any)) func(*ethnodetest.Node) {
	return func(n *ethnodetest.Node) {
		n.Witness = func(b *ethnodetest.Block) []byte {
			var members map[string]any
			if err := json.Unmarshal(b.Witness(), &members); err != nil {
				t.Error(err)
			}
			change(b, members)
			raw, err := json.Marshal(members)
			if err != nil {
				t.Error(err)
			}
			return raw
		}
	}
}

// headTime changes the timestamp, the number and the hash of the node's newest block.
func headTime(honest *ethnodetest.Chain, at time.Time) func(*ethnodetest.Node) {
	return func(n *ethnodetest.Node) {
		n.Fault = func(w http.ResponseWriter, _ *http.Request, call ethnodetest.Call) bool {
			if call.Method != "eth_getBlockByNumber" || string(call.Params[0]) != `"latest"` {
				return false
			}
			var head map[string]any
			if json.Unmarshal(honest.Head().Brief(), &head) != nil {
				return false
			}
			head["timestamp"], head["hash"] = fmt.Sprintf("0x%x", at.Unix()), "0x"+strings.Repeat("ab", 32)
			head["number"] = fmt.Sprintf("0x%x", honest.Head().Number+3)
			text, err := json.Marshal(head)
			if err == nil {
				w.Write(ethnodetest.Reply(call, text))
			}
			return err == nil
		}
	}
}

func faultyNodes(t *testing.T, honest *ethnodetest.Chain) []faultyNode {
	const wit, blk = "debug_executionWitness", "eth_getBlockByHash"
	other := ethnodetest.NewChainOf(1, honest.Head().Number)
	text := func(s string) func(ethnodetest.Call) []byte {
		return func(ethnodetest.Call) []byte { return []byte(s) }
	}
	failure := func(code int, message string) func(ethnodetest.Call) []byte {
		return func(call ethnodetest.Call) []byte { return ethnodetest.ReplyError(call, code, message) }
	}
	result := func(s string) func(ethnodetest.Call) []byte {
		return func(call ethnodetest.Call) []byte { return ethnodetest.Reply(call, []byte(s)) }
	}
	drop := func(i int) func(*ethnodetest.Block, map[string]any) {
		return func(_ *ethnodetest.Block, w map[string]any) {
			state := w["state"].([]any)
			at := (i + len(state)) % len(state)
			w["state"] = append(state[:at:at], state[at+1:]...)
		}
	}
	return []faultyNode{
		{"dead", nil, func(n *ethnodetest.Node) { n.Fault = cutEveryCall }},
		{"always lacks the state", nil, answer(wit, failure(-32000, "missing trie node 8b3c (path ) <nil>"))},
		{"always prunes", nil, answer(wit, failure(4444, "pruned history unavailable"))},
		{"internal error", nil, answer(wit, failure(-32603, "Internal error"))},
		{"too large for itself", nil, answer(wit, failure(-32008, "Response is too big"))},
		{"no debug namespace", nil, func(n *ethnodetest.Node) { n.NoDebug = true }},
		{"witness null", nil, answer(wit, result("null"))},
		{"witness null with space", nil, answer(wit, result(" null \n"))},
		{"block null with space", nil, answer(blk, result("null\n"))},
		{"html", nil, answer(wit, text("<html>login</html>"))},
		{"nothing", nil, answer(wit, text(""))},
		{"the witness of another block", nil, func(n *ethnodetest.Node) {
			n.Witness = func(b *ethnodetest.Block) []byte { return honest.At(b.Number - 1).Witness() }
		}},
		{"the root is missing", nil, edited(t, drop(-1))},
		{"all but the root is missing", nil, edited(t, func(_ *ethnodetest.Block, w map[string]any) {
			state := w["state"].([]any)
			w["state"] = state[len(state)-1:]
		})},
		{"no headers", nil, edited(t, func(_ *ethnodetest.Block, w map[string]any) { w["headers"] = []any{} })},
		{"state twice", nil, func(n *ethnodetest.Node) {
			n.Witness = func(b *ethnodetest.Block) []byte {
				return bytes.Replace(b.Witness(), []byte(`{`), []byte(`{"state":[],`), 1)
			}
		}},
		{"empty strings by the million", nil, func(n *ethnodetest.Node) {
			n.Witness = func(b *ethnodetest.Block) []byte {
				return []byte(`{"state":["0x"` + strings.Repeat(`,"0x"`, 100_000) + `],"headers":[]}`)
			}
		}},
		{"another block", nil, answer(blk, func(call ethnodetest.Call) []byte { return ethnodetest.Reply(call, honest.At(1).JSON()) })},
		{"a changed block", nil, answer(blk, func(call ethnodetest.Call) []byte {
			return ethnodetest.Reply(call, bytes.Replace(honest.At(2).JSON(), []byte(`"gasLimit":"0x2`), []byte(`"gasLimit":"0x3`), 1))
		})},
		{"a head that is not there", nil, func(n *ethnodetest.Node) { n.HeadOffset = 1000 }},
		{"a head beyond all numbers", nil, func(n *ethnodetest.Node) { n.HeadOffset = -1 - int64(honest.Head().Number) }},
		{"another chain", other, func(*ethnodetest.Node) {}},
		{"a chain that lags", ethnodetest.NewChain(2), func(*ethnodetest.Node) {}},
		{"syncing", nil, func(n *ethnodetest.Node) { n.Syncing = true }},
		{"drips", nil, func(n *ethnodetest.Node) {
			n.Fault = func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
				if !strings.HasPrefix(call.Method, "debug") {
					return false
				}
				io.WriteString(w, `{"jsonrpc":"2.0","result":{"state":["0x`)
				for r.Context().Err() == nil {
					io.WriteString(w, "00")
					http.NewResponseController(w).Flush()
					time.Sleep(time.Millisecond)
				}
				return true
			}
		}},
		{"drips blocks", nil, func(n *ethnodetest.Node) {
			n.Fault = func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
				if call.Method != blk {
					return false
				}
				io.WriteString(w, `{"jsonrpc":"2.0","result":{"logsBloom":"0x`)
				for r.Context().Err() == nil {
					io.WriteString(w, "00")
					http.NewResponseController(w).Flush()
					time.Sleep(time.Millisecond)
				}
				return true
			}
		}},
		{"a head in the future", nil, headTime(honest, time.Now().Add(time.Hour))},
		{"a head in the year 10000", nil, headTime(honest, time.Unix(1<<37, 0))},
		{"a head of its own that is a little newer", nil, headTime(honest, time.Now().Add(5*time.Second))},
		{"no gzip in spite of its words", nil, func(n *ethnodetest.Node) {
			n.Fault = func(w http.ResponseWriter, _ *http.Request, call ethnodetest.Call) bool {
				if call.Method != wit {
					return false
				}
				w.Header().Set("Content-Encoding", "gzip")
				io.WriteString(w, "{}")
				return true
			}
		}},
		{"rate limit of an hour", nil, func(n *ethnodetest.Node) {
			n.Fault = func(w http.ResponseWriter, _ *http.Request, call ethnodetest.Call) bool {
				if call.Method == wit {
					w.Header().Set("Retry-After", "3600")
					http.Error(w, "", http.StatusTooManyRequests)
				}
				return call.Method == wit
			}
		}},
		{"redirects elsewhere", nil, func(n *ethnodetest.Node) {
			n.Fault = func(w http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
				if call.Method == wit {
					http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
				}
				return call.Method == wit
			}
		}},
		{"two results", nil, answer(wit, func(call ethnodetest.Call) []byte {
			return bytes.Replace(ethnodetest.Reply(call, honest.At(1).Witness()), []byte(`"result"`), []byte(`"result":{},"result"`), 1)
		})},
		{"nests without end", nil, answer(wit, result(strings.Repeat("[", 100_000)))},
		{"silent", nil, func(n *ethnodetest.Node) {
			n.Fault = func(_ http.ResponseWriter, r *http.Request, call ethnodetest.Call) bool {
				if strings.HasPrefix(call.Method, "debug") {
					<-r.Context().Done()
				}
				return strings.HasPrefix(call.Method, "debug")
			}
		}},
		{"unauthorized", nil, func(n *ethnodetest.Node) {
			n.Fault = func(w http.ResponseWriter, _ *http.Request, _ ethnodetest.Call) bool {
				http.Error(w, "", http.StatusUnauthorized)
				return true
			}
		}},
	}
}

// TestOneBadEndpoint checks that with one faulty endpoint at any place of the list the other
// endpoint serves every block, each in one fetch.
func TestOneBadEndpoint(t *testing.T) {
	const blocks = 100
	honest := ethnodetest.NewChain(blocks)
	for _, bad := range faultyNodes(t, honest) {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, first %v", bad.name, first), func(t *testing.T) {
				t.Parallel()
				chain := honest
				if bad.chain != nil {
					chain = bad.chain
				}
				ill, well := ethnodetest.Start(t, chain), ethnodetest.Start(t, honest)
				ill.Set(bad.set)
				// The bad node's limits are short, so that the test is; the honest one has
				// all the time that a busy machine takes.
				short := ethnode.Endpoint{URL: ill.URL, Options: ethnode.Options{Timeout: 2 * time.Second, WitnessTimeout: 300 * time.Millisecond, StallTimeout: 300 * time.Millisecond}}
				list := []ethnode.Endpoint{short, {URL: well.URL}}
				if !first {
					list[0], list[1] = list[1], list[0]
				}
				_, source := newPool(t, ethnode.PoolOptions{ChainID: honest.ID, HedgeAfter: 50 * time.Millisecond}, list...)
				source.MissingTimeout = time.Minute // a node that answers "not yet" is asked beside the other one
				from := uint64(1)
				p := onPool(t, source, contract.Selection{Every: 1, From: &from})
				p.max = 32
				for len(p.live) < blocks {
					if _, err := p.tryPoll(0); err != nil {
						t.Logf("poll: %v", err)
					}
					if t.Context().Err() != nil {
						t.Fatal("out of time")
					}
				}
				p.wantTargets(honest, 1)
				for n := uint64(1); n <= blocks; n++ {
					b := honest.At(n)
					stored := &memoryFiles{}
					if _, err := source.Fetcher.Fetch(t.Context(), ethnode.FetchRequest{Block: b.Contract(honest.ID), Attempt: 1}, stored.create); err != nil {
						t.Fatalf("block %d: %v", n, err)
					}
					if !bytes.Equal(stored.committed("block.json"), b.JSON()) || !bytes.Equal(stored.committed("witness.json"), b.Witness()) {
						t.Fatalf("block %d: the files differ from what the honest node sent", n)
					}
				}
			})
		}
	}
}

// memoryFiles holds files in memory, because files on disk would take most of the test's time.
type memoryFiles struct {
	mu    sync.Mutex
	files map[string][]byte // committed
}

func (m *memoryFiles) committed(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[name]
}

func (m *memoryFiles) create(name string) (ethnode.File, error) {
	return &memoryFile{of: m, name: name}, nil
}

type memoryFile struct {
	bytes.Buffer
	of   *memoryFiles
	name string
}

func (f *memoryFile) Commit() (contract.Artifact, error) {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	if f.of.files == nil {
		f.of.files = make(map[string][]byte)
	}
	if f.of.files[f.name] != nil {
		return contract.Artifact{}, fmt.Errorf("%s is committed twice", f.name)
	}
	f.of.files[f.name] = f.Bytes()
	return contract.Artifact{Name: f.name, Size: int64(f.Len())}, nil
}

func (f *memoryFile) Discard() {}

// TestFalseHeadHasNoLastingEffect checks that after a single node has returned a head with an
// invented number, polls go on as soon as its head is right.
func TestFalseHeadHasNoLastingEffect(t *testing.T) {
	for _, lie := range []int64{1000, 1 << 40, -1 - 20} { // the last is 2^64-1
		chain := ethnodetest.NewChain(20)
		node := ethnodetest.Start(t, chain)
		node.Set(func(n *ethnodetest.Node) { n.HeadOffset = lie })
		_, source := newPool(t, ethnode.PoolOptions{}, ethnode.Endpoint{URL: node.URL})
		p := onPool(t, source, contract.Selection{Every: 1})
		for range 3 {
			if r, err := p.tryPoll(0); err == nil && len(r.Blocks) > 0 {
				t.Errorf("lie %d: a head that is not there gave %+v", lie, r.Blocks)
			}
		}
		node.Set(func(n *ethnodetest.Node) { n.HeadOffset = 0 })
		eventually(t, "the true head", func() bool {
			p.tryPoll(0)
			return len(p.live) == 1
		})
		p.wantTargets(chain, 20)
		chain.Extend(3)
		p.settle()
		p.wantTargets(chain, 20)
	}
}
