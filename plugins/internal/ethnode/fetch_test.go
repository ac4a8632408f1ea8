package ethnode_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// openTask makes a task as the host would, for a block.
func openTask(t testing.TB, block contract.Block) *sdk.Task {
	dir := t.TempDir()
	for _, sub := range []string{"in", "out", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	task, err := sdk.OpenTask(contract.Task{Job: block.JobID(), Attempt: 1, Block: block, Dir: dir},
		slog.New(slog.DiscardHandler), func(contract.WorkEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(task.Close)
	return task
}

func newSource(t testing.TB, url string, opt ethnode.Options) *ethnode.Source {
	client, err := ethnode.NewClient(url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	s := ethnode.NewSource(client, time.Millisecond, slog.New(slog.DiscardHandler))
	s.Patience = 300 * time.Millisecond
	return s
}

// wantFiles checks that a fetch left exactly the two artifacts, with these
// contents.
func wantFiles(t *testing.T, task *sdk.Task, result *contract.Result, block, wit []byte) {
	t.Helper()
	if len(result.Outputs) != 2 || result.Outputs[0].Name != "block.json" || result.Outputs[1].Name != "witness.json" {
		t.Fatalf("outputs %+v", result.Outputs)
	}
	for i, want := range [][]byte{block, wit} {
		a := result.Outputs[i]
		got, err := os.ReadFile(filepath.Join(task.Dir, a.Path))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) || a.Size != int64(len(want)) {
			t.Errorf("%s differs from what the node sent: %d bytes, want %d", a.Name, len(got), len(want))
		}
	}
}

func leftOver(t *testing.T, task *sdk.Task) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(task.Dir, "out", "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, _ := filepath.Glob(filepath.Join(task.Dir, "out", ".*"))
	return append(names, hidden...)
}

func TestFetch(t *testing.T) {
	for dialect, name := range []string{"geth", "reth", "ethrex"} {
		for _, gzip := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, gzip %v", name, gzip), func(t *testing.T) {
				chain := ethnodetest.NewChain(5)
				node := ethnodetest.Start(t, chain)
				node.Set(func(n *ethnodetest.Node) { n.Dialect, n.Gzip = ethnodetest.Dialect(dialect), gzip })
				source := newSource(t, node.URL, ethnode.Options{Compression: &gzip})
				for _, number := range []uint64{5, 4} {
					b := chain.At(number)
					task := openTask(t, b.Contract(chain.ID))
					result, err := source.Fetch(t.Context(), task)
					if err != nil {
						t.Fatal(err)
					}
					wantFiles(t, task, result, b.JSON(), b.Witness())
					if result.Facts["tx_count"] != fmt.Sprint(number%3) || result.Facts["gas_used"] != fmt.Sprint(number%3*21000) ||
						result.Facts["witness_bytes"] != fmt.Sprint(len(b.Witness())) {
						t.Errorf("facts %v", result.Facts)
					}
				}
				// The way to ask is found out once.
				if n := node.Calls("debug_executionWitness") + node.Calls("debug_executionWitnessByBlockHash"); n > 4 {
					t.Errorf("%d witness calls for two blocks", n)
				}
			})
		}
	}
}

func TestFetchRecordedBlocks(t *testing.T) {
	for dir, id := range map[string]uint64{"mainnet/24647140": 1, "hoodi/1265656": 560048, "hoodi/1041734": 560048, "geth-osaka/9": 560048} {
		t.Run(dir, func(t *testing.T) {
			chain, err := ethnodetest.Recorded(witnesstest.Shared(t, "data", dir), id)
			if err != nil {
				t.Fatal(err)
			}
			node := ethnodetest.Start(t, chain)
			b := chain.Head()
			task := openTask(t, b.Contract(id))
			result, err := newSource(t, node.URL, ethnode.Options{}).Fetch(t.Context(), task)
			if err != nil {
				t.Fatal(err)
			}
			wantFiles(t, task, result, b.JSON(), b.Witness())
		})
	}
}

// onMethod makes a fault of one method.
func onMethod(method string, answer func(w http.ResponseWriter, call ethnodetest.Call)) ethnodetest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, call ethnodetest.Call) bool {
		if !strings.HasPrefix(call.Method, method) {
			return false
		}
		answer(w, call)
		return true
	}
}

// cut closes the connection under an answer.
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
		}), class: contract.ClassRetryable, want: "execution witness: state:"},
		{name: "empty witness", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, []byte(`{"state":[],"codes":[],"keys":[],"headers":[]}`)))
		}), class: contract.ClassRetryable, want: "it holds no header", is: witness.ErrIncomplete},
		{name: "object without members", fault: onMethod(wit, func(w http.ResponseWriter, call ethnodetest.Call) {
			w.Write(ethnodetest.Reply(call, []byte(`{}`)))
		}), class: contract.ClassRetryable, want: "state or headers is missing"},
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
		}), class: contract.ClassPermanent, want: "older than the node's witness window", is: ethnode.ErrOutsideWindow},
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
		{name: "trie node dropped", witness: edit(func(w map[string]json.RawMessage) {
			var nodes []json.RawMessage
			json.Unmarshal(w["state"], &nodes)
			longest := 0
			for i, n := range nodes[:len(nodes)-1] { // the last one is the root
				if len(n) > len(nodes[longest]) {
					longest = i
				}
			}
			w["state"], _ = json.Marshal(append(nodes[:longest:longest], nodes[longest+1:]...))
		}), class: contract.ClassRetryable, want: "referred to by none", is: witness.ErrIncomplete},
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
			source := newSource(t, node.URL, ethnode.Options{StallTimeout: 50 * time.Millisecond, WitnessTimeout: 50 * time.Millisecond})
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
			// The same source gets the block once the node is well.
			node.Set(func(n *ethnodetest.Node) { n.Fault, n.Witness, n.NoDebug = nil, nil, false })
			task = openTask(t, chain.At(6).Contract(chain.ID))
			if _, err := source.Fetch(t.Context(), task); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestFetchNodeDown(t *testing.T) {
	task := openTask(t, ethnodetest.NewChain(1).Head().Contract(1))
	for url, want := range map[string]string{
		"http://127.0.0.1:1":                   "is the node running",
		"http://nobody.invalid:8545/k3y-in-it": "host name",
	} {
		_, err := newSource(t, url, ethnode.Options{}).Fetch(t.Context(), task)
		if contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "k3y-in-it") {
			t.Errorf("%s: got %s: %v", url, contract.ClassOf(err), err)
		}
	}
}

// A block that the node is about to have is waited for.
func TestFetchWaitsForTheBlock(t *testing.T) {
	chain := ethnodetest.NewChain(3)
	node := ethnodetest.Start(t, chain)
	node.Set(func(n *ethnodetest.Node) {
		n.Fault = func(w http.ResponseWriter, _ *http.Request, call ethnodetest.Call) bool {
			if node.Calls(call.Method) > 1 {
				return false
			}
			if strings.HasPrefix(call.Method, "debug") {
				w.Write(ethnodetest.ReplyError(call, -32000, "block 0x3 not found"))
			} else {
				w.Write(ethnodetest.Reply(call, []byte("null")))
			}
			return true
		}
	})
	source := newSource(t, node.URL, ethnode.Options{})
	source.Patience = time.Minute
	if _, err := source.Fetch(t.Context(), openTask(t, chain.Head().Contract(chain.ID))); err != nil {
		t.Fatal(err)
	}
}

func TestFetchCancelled(t *testing.T) {
	chain := ethnodetest.NewChain(3)
	node := ethnodetest.Start(t, chain)
	ctx, cancel := context.WithCancel(t.Context())
	node.Set(func(n *ethnodetest.Node) {
		n.Fault = func(_ http.ResponseWriter, r *http.Request, _ ethnodetest.Call) bool {
			cancel()
			<-r.Context().Done()
			return true
		}
	})
	task := openTask(t, chain.Head().Contract(chain.ID))
	_, err := newSource(t, node.URL, ethnode.Options{}).Fetch(ctx, task)
	if contract.ClassOf(err) != contract.ClassInterrupted {
		t.Errorf("got %s: %v", contract.ClassOf(err), err)
	}
	if files := leftOver(t, task); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// Credentials reach the node and nothing else.
func TestSecretsStaySecret(t *testing.T) {
	chain := ethnodetest.NewChain(3)
	node := ethnodetest.Start(t, chain)
	var path, user, header string
	node.Set(func(n *ethnodetest.Node) {
		n.Fault = func(w http.ResponseWriter, r *http.Request, _ ethnodetest.Call) bool {
			u, p, _ := r.BasicAuth()
			path, user, header = r.URL.Path, u+":"+p, r.Header.Get("X-Api-Key")
			http.Error(w, "bad key "+path+" "+user+" "+header, http.StatusTeapot)
			return true
		}
	})
	url := strings.Replace(node.URL, "http://", "http://someone:passw0rd@", 1) + "/v3/s3cr3t-key"
	client, err := ethnode.NewClient(url, ethnode.Options{Header: http.Header{"X-Api-Key": {"t0ken-value"}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Head(t.Context())
	if path != "/v3/s3cr3t-key" || user != "someone:passw0rd" || header != "t0ken-value" {
		t.Errorf("the node was sent path %q, user %q, header %q", path, user, header)
	}
	for _, secret := range []string{"s3cr3t-key", "passw0rd", "t0ken-value"} {
		if strings.Contains(err.Error(), secret) || strings.Contains(client.Name(), secret) {
			t.Errorf("%q is in the error %q or the name %q", secret, err, client.Name())
		}
	}
	node.CloseConnections()
	if _, err := ethnode.NewClient("nonsense://s3cr3t-key", ethnode.Options{}); err == nil || strings.Contains(err.Error(), "s3cr3t-key") {
		t.Errorf("got %v", err)
	}
}

// freePort returns a port of the loopback interface that was free a moment ago.
func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
