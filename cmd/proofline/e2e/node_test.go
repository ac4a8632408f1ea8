package e2e

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// node is an execution client that serves recorded blocks and can misbehave.
type node struct {
	URL string

	mu     sync.Mutex
	chain  uint64
	head   uint64
	blocks map[uint64]json.RawMessage // eth_getBlockByNumber results
	wits   map[uint64]json.RawMessage // debug_executionWitness results
	trick  func(method string, w http.ResponseWriter) (handled bool)
}

// newNode serves blocks from directories named by number that hold block.json.gz
// and witness.json.gz.
func newNode(t *testing.T, chain uint64, dirs ...string) *node {
	t.Helper()
	n := &node{chain: chain, blocks: map[uint64]json.RawMessage{}, wits: map[uint64]json.RawMessage{}}
	for _, dir := range dirs {
		number, err := strconv.ParseUint(filepath.Base(dir), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n.blocks[number] = result(t, filepath.Join(dir, "block.json.gz"))
		n.wits[number] = result(t, filepath.Join(dir, "witness.json.gz"))
		n.head = max(n.head, number)
	}
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	n.URL = server.URL
	return n
}

// result reads a gzip file with a JSON-RPC answer or its result alone.
func result(t *testing.T, path string) json.RawMessage {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(text, &answer); err == nil && answer.Result != nil {
		return answer.Result
	}
	return text
}

// misbehave sets what happens to all calls from now on; nil ends the misbehaviour.
func (n *node) misbehave(trick func(method string, w http.ResponseWriter) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trick = trick
}

type request struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var batch []request
	isBatch := strings.HasPrefix(strings.TrimSpace(string(body)), "[")
	if isBatch {
		err = json.Unmarshal(body, &batch)
	} else {
		batch = make([]request, 1)
		err = json.Unmarshal(body, &batch[0])
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answers := make([]string, 0, len(batch))
	for _, q := range batch {
		n.mu.Lock()
		trick := n.trick
		n.mu.Unlock()
		if trick != nil && trick(q.Method, w) {
			return
		}
		answers = append(answers, n.answer(q))
	}
	w.Header().Set("Content-Type", "application/json")
	if isBatch {
		fmt.Fprintf(w, "[%s]", strings.Join(answers, ","))
		return
	}
	fmt.Fprint(w, answers[0])
}

func (n *node) answer(q request) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	ok := func(result string) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, q.ID, result) }
	fail := func(code int, text string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, q.ID, code, text)
	}
	switch q.Method {
	case "eth_chainId":
		return ok(fmt.Sprintf(`"0x%x"`, n.chain))
	case "eth_blockNumber":
		return ok(fmt.Sprintf(`"0x%x"`, n.head))
	case "eth_syncing":
		return ok("false")
	case "web3_clientVersion":
		return ok(`"scripted/v1"`)
	case "eth_getBlockByNumber", "eth_getBlockByHash", "eth_getHeaderByNumber":
		block, found := n.blocks[n.number(q.Params)]
		if !found {
			return ok("null")
		}
		if len(q.Params) > 1 && string(q.Params[1]) == "false" {
			return ok(withoutTransactions(block))
		}
		return ok(string(block))
	case "debug_executionWitness", "debug_executionWitnessByBlockHash":
		witness, found := n.wits[n.number(q.Params)]
		if !found {
			return fail(-32000, "block not found")
		}
		return ok(string(witness))
	}
	return fail(-32601, "the method "+q.Method+" does not exist/is not available")
}

// number returns the block of the first parameter: a number, a tag or a hash. The caller
// must hold the node's mu.
func (n *node) number(params []json.RawMessage) uint64 {
	var text string
	if len(params) == 0 || json.Unmarshal(params[0], &text) != nil {
		return 0
	}
	if text == "latest" {
		return n.head
	}
	if len(text) == 66 {
		for number, block := range n.blocks {
			if strings.Contains(string(block), `"hash":"`+text+`"`) || hashOf(block) == text {
				return number
			}
		}
		return 0
	}
	number, _ := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return number
}

func hashOf(block json.RawMessage) string {
	var b struct{ Hash string }
	_ = json.Unmarshal(block, &b)
	return b.Hash
}

func withoutTransactions(block json.RawMessage) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(block, &fields) != nil {
		return "null"
	}
	var txs []struct{ Hash string }
	_ = json.Unmarshal(fields["transactions"], &txs)
	hashes := make([]string, 0, len(txs))
	for _, tx := range txs {
		hashes = append(hashes, tx.Hash)
	}
	fields["transactions"], _ = json.Marshal(hashes)
	text, _ := json.Marshal(fields)
	return string(text)
}
