package ethnodetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/proofline/proofline/sdk/contract"
)

// Dialect is the form in which a node takes requests for a witness.
type Dialect int

// The dialects of real clients. ethnode's witnessDialects names the sources.
const (
	Geth   Dialect = iota // debug_executionWitness: number or EIP-1898 object
	Reth                  // by number, and debug_executionWitnessByBlockHash
	Ethrex                // by number only
)

// Call is one JSON-RPC call.
type Call struct {
	ID     json.RawMessage
	Method string
	Params []json.RawMessage
}

// Fault answers a call instead of the node and returns true, or returns false so that the
// node answers.
type Fault func(w http.ResponseWriter, r *http.Request, call Call) bool

// Node serves a chain over HTTP. While it runs, its fields must be changed with Set.
type Node struct {
	Chain   *Chain
	Dialect Dialect
	NoBatch bool
	NoDebug bool
	Gzip    bool
	// HeadOffset is added to the number of the head that the node serves.
	HeadOffset int64
	Syncing    bool
	// Fault is called first for every call that is not part of a batch, and for every
	// batch with its first call.
	Fault Fault
	// Witness replaces the witness of a block.
	Witness func(*Block) []byte

	URL, WS string
	mu      sync.Mutex
	calls   map[string]int
	server  *httptest.Server
	heads   headFeed
}

// Start starts a node that serves a chain until the test ends.
func Start(t testing.TB, chain *Chain) *Node {
	n := &Node{Chain: chain, calls: make(map[string]int)}
	n.server = httptest.NewUnstartedServer(n)
	n.server.Config.ConnState = n.heads.track
	n.server.Start()
	n.URL = n.server.URL
	n.WS = "ws" + strings.TrimPrefix(n.URL, "http")
	n.heads.start()
	t.Cleanup(func() {
		n.heads.stop()
		n.server.Close()
	})
	return n
}

// Set changes the node between two requests.
func (n *Node) Set(change func(*Node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}

// Calls returns how often a method was called.
func (n *Node) Calls(method string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls[method]
}

// CloseConnections closes every connection of the node.
func (n *Node) CloseConnections() { n.server.CloseClientConnections() }

func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		n.heads.handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	body = bytes.TrimSpace(body)
	batch := len(body) > 0 && body[0] == '['
	var calls []Call
	if batch {
		err = json.Unmarshal(body, &calls)
	} else {
		calls = make([]Call, 1)
		err = json.Unmarshal(body, &calls[0])
	}
	if err != nil || len(calls) == 0 {
		http.Error(w, "unreadable request", http.StatusBadRequest)
		return
	}
	n.mu.Lock()
	for _, c := range calls {
		n.calls[c.Method]++
	}
	fault, refuse, packed := n.Fault, n.NoBatch && batch, n.Gzip
	n.mu.Unlock()

	if fault != nil && fault(w, r, calls[0]) {
		return
	}
	if refuse {
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch requests are disabled"}}`)
		return
	}
	answers := make([]net.Buffers, len(calls))
	for i, c := range calls {
		answers[i] = n.answer(c)
	}
	w.Header().Set("Content-Type", "application/json")
	out := io.Writer(w)
	if packed && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		out = z
	}
	if !batch {
		answers[0].WriteTo(out)
		return
	}
	slices.Reverse(answers) // JSON-RPC 2.0 allows any order
	separator := "["
	for _, answer := range answers {
		io.WriteString(out, separator)
		answer.WriteTo(out)
		separator = ","
	}
	io.WriteString(out, "]")
}

// Reply returns a JSON-RPC response with a result.
func Reply(c Call, result []byte) []byte { return slices.Concat(reply(c, result)...) }

// reply returns the parts of a JSON-RPC response with a result. It does not copy the result,
// which may be a witness of many megabytes: a benchmark shares the processors with this node.
func reply(c Call, result []byte) net.Buffers {
	return net.Buffers{fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":`, c.ID), result, []byte("}")}
}

// ReplyError returns a JSON-RPC response with an error.
func ReplyError(c Call, code int, message string) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, c.ID, code, message)
}

// answer returns the response to a call in parts.
func (n *Node) answer(c Call) net.Buffers {
	n.mu.Lock()
	defer n.mu.Unlock()
	invalid := net.Buffers{ReplyError(c, -32602, "invalid argument 0: json: cannot unmarshal")}
	noMethod := net.Buffers{ReplyError(c, -32601, fmt.Sprintf("the method %s does not exist/is not available", c.Method))}
	switch c.Method {
	case "eth_chainId":
		return reply(c, encode("0x"+strconv.FormatUint(n.Chain.ID, 16)))
	case "eth_blockNumber":
		return reply(c, encode("0x"+strconv.FormatUint(n.claimedHead(), 16)))
	case "web3_clientVersion":
		return reply(c, encode("ethnodetest/v1"))
	case "eth_syncing":
		if n.Syncing {
			return reply(c, []byte(`{"startingBlock":"0x0","currentBlock":"0x1","highestBlock":"0xff"}`))
		}
		return reply(c, []byte("false"))
	case "eth_getBlockByNumber", "eth_getBlockByHash":
		return reply(c, n.block(c))
	case "debug_executionWitness", "debug_executionWitnessByBlockHash":
		byHash := strings.HasSuffix(c.Method, "Hash")
		if n.NoDebug || byHash && n.Dialect != Reth {
			return noMethod
		}
		if !byHash && n.Dialect != Geth && len(c.Params[0]) > 0 && c.Params[0][0] == '{' {
			return invalid
		}
		b := n.find(c.Params[0])
		if b == nil {
			return net.Buffers{ReplyError(c, -32000, fmt.Sprintf("block %s not found", c.Params[0]))}
		}
		wit := b.Witness()
		if n.Witness != nil {
			wit = n.Witness(b)
		}
		return reply(c, wit)
	}
	return noMethod
}

func (n *Node) claimedHead() uint64 { return uint64(int64(n.Chain.headNumber()) + n.HeadOffset) }

// block returns the result of eth_getBlockByNumber and eth_getBlockByHash.
func (n *Node) block(c Call) []byte {
	b := n.find(c.Params[0])
	if b == nil {
		return []byte("null")
	}
	text := b.Brief()
	if len(c.Params) > 1 && string(c.Params[1]) == "true" {
		text = b.JSON()
	}
	if n.HeadOffset != 0 && string(c.Params[0]) == `"latest"` {
		var members map[string]json.RawMessage
		must(json.Unmarshal(text, &members))
		members["number"] = encode("0x" + strconv.FormatUint(n.claimedHead(), 16))
		text = encode(members)
	}
	return text
}

// find resolves a number, a tag, a hash or an EIP-1898 object.
func (n *Node) find(param json.RawMessage) *Block {
	var object struct{ BlockHash *contract.Hash }
	if json.Unmarshal(param, &object) == nil && object.BlockHash != nil {
		return n.Chain.ByHash(*object.BlockHash)
	}
	var text string
	if json.Unmarshal(param, &text) != nil {
		return nil
	}
	if text == "latest" {
		return n.Chain.Head()
	}
	if hash, err := contract.ParseHash(text); err == nil {
		return n.Chain.ByHash(hash)
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	if err != nil {
		return nil
	}
	return n.Chain.At(number)
}
