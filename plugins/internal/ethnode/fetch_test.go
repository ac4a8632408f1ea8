package ethnode_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/proofline/proofline/plugins/internal/ethnode"
	"github.com/proofline/proofline/plugins/source-rpc/ethnodetest"
	"github.com/proofline/proofline/sdk"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness/witnesstest"
)

// openTask returns a task for a block as the host creates it.
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
	s.MissingTimeout = 300 * time.Millisecond
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

func TestSilentNode(t *testing.T) {
	node := ethnodetest.Start(t, ethnodetest.NewChain(1))
	node.Set(func(n *ethnodetest.Node) {
		n.Fault = func(_ http.ResponseWriter, r *http.Request, _ ethnodetest.Call) bool {
			<-r.Context().Done()
			return true
		}
	})
	client, err := ethnode.NewClient(node.URL, ethnode.Options{Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Head(t.Context())
	if contract.ClassOf(err) != contract.ClassRetryable || !strings.Contains(fmt.Sprint(err), "no answer within 20ms") {
		t.Errorf("got %s: %v", contract.ClassOf(err), err)
	}
}

// TestFetchWaitsForTheBlock checks that a fetch waits for a block that the node does not have
// yet.
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
	source.MissingTimeout = time.Minute
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

// TestSecretsStaySecret checks that credentials are sent to the node and appear nowhere else.
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

func TestUntrustedCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	client, err := ethnode.NewClient(server.URL, ethnode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.Head(t.Context()); contract.ClassOf(err) != contract.ClassEnvironment || !strings.Contains(fmt.Sprint(err), "certificate") {
		t.Errorf("got %s: %v", contract.ClassOf(err), err)
	}
}
