package ethnode

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/proofline/proofline/sdk/contract"
)

// TestMeaning checks the error messages of real clients, each with its source.
func TestMeaning(t *testing.T) {
	limit := errors.Join(ErrNoState, errLimit)
	for _, c := range []struct {
		source  string
		code    int
		message string
		want    error
	}{
		{"ethereum/go-ethereum:rpc/errors.go@v1.17.10", -32601, "the method debug_executionWitness does not exist/is not available", ErrNoMethod},
		{"paradigmxyz/jsonrpsee, as reth and ethrex use it", -32601, "Method not found", ErrNoMethod},
		{"erigontech/erigon:rpc/jsonrpc/debug_execution_witness.go@main", -32000, "debug_executionWitness requires commitment history: restart the node with --prune.experimental.include-commitment-history", ErrNoMethod},

		{"ethereum/go-ethereum:eth/api_debug.go@v1.17.10", -32000, "block {0x999 <nil> false} not found", ErrNotFound},
		{"paradigmxyz/reth:crates/rpc/rpc-eth-types/src/error/mod.rs@00971c2", -32001, "block not found: 0x1234", ErrNotFound},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "no header found for Number(7)", ErrNotFound},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "unknown block 0x1234", ErrNotFound},
		{"ethereum/go-ethereum:eth/api_backend.go@v1.17.10", -32000, "header not found", ErrNotFound},
		{"NethermindEth/nethermind:DebugRpcModule.cs", -32001, "Unable to find block latest", ErrNotFound},
		{"besu-eth/besu:RpcErrorType.java", -32000, "Block not found", ErrNotFound},
		{"besu-eth/besu:RpcErrorType.java", -32000, "Parent block not found", ErrNotFound},
		{"lambdaclass/ethrex:crates/networking/rpc/debug/execution_witness.rs@01cba43", -32603, "Internal Error: Failed to resolve block number", ErrNotFound},
		{"lambdaclass/ethrex:crates/networking/rpc/debug/execution_witness.rs@01cba43", -32603, "Internal Error: Could not get block body", ErrNotFound},

		{"ethereum/go-ethereum:trie/errors.go@v1.17.10", -32000, "missing trie node 7b6f (path ) state 0x7b6f is not available, not found", ErrNoState},
		{"ethereum/go-ethereum:trie/errors.go@v1.17.10", -32000, "missing trie node 8b3c4be2 (path ) <nil>", ErrNoState},
		{"ethereum/go-ethereum:trie/errors.go@v1.17.10", -32000, "missing trie node 8b3c (owner 7b6f) (path 0a) layer stale", ErrNoState},
		{"ethereum/go-ethereum:triedb/pathdb/reader.go@v1.17.10", -32000, "historical state 7b6f is not available", ErrNoState},
		{"ethereum/go-ethereum:triedb/pathdb/reader.go@v1.17.10", -32000, "state 0x7b6f is not available", ErrNoState},
		{"ethereum/go-ethereum:triedb/pathdb/reader.go@v1.17.10", -32000, "state 0x7b6f is not canonical", ErrNoState},
		{"ethereum/go-ethereum:triedb/pathdb/reader.go@v1.17.10", -32000, "state histories haven't been fully indexed yet", ErrNoState},
		{"ethereum/go-ethereum:triedb/pathdb/layertree.go@v1.17.10", -32000, "triedb parent [0x4be2c7] layer missing", ErrNoState},
		{"ethereum/go-ethereum:triedb/pathdb/layertree.go@v1.17.10", -32000, "triedb layer [0x4be2c7] missing", ErrNoState},
		{"ethereum/go-ethereum:eth/state_accessor.go@v1.17.10", -32000, "historical state is not available", ErrNoState},
		{"ethereum/go-ethereum:eth/state_accessor.go@v1.17.10", -32000, "required historical state unavailable (reexec=0)", ErrNoState},
		{"ethereum/go-ethereum:eth/api_debug.go@v1.17.10", -32000, "block {0x7 <nil> false} found, but parent missing", ErrNoState},
		{"ethereum/go-ethereum:core/history/historymode.go@v1.17.10 (EIP-4444)", 4444, "pruned history unavailable", limit},
		{"paradigmxyz/reth:crates/rpc/rpc-eth-types/src/error/mod.rs@00971c2", -32602, "distance to target block exceeds maximum proof window", limit},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "no state found for block 0x1234", ErrNoState},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "no state found for block number 49107280", ErrNoState},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "state at block #7 is pruned", limit},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "state at block #7 is not available, block has not been executed yet (latest executed: #6)", ErrNoState},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "block #7 is not available, history has expired (earliest available: #9)", limit},
		{"paradigmxyz/reth:crates/storage/errors/src/provider.rs@010d632", -32603, "insufficient changesets to revert to block #7. Available changeset range: 9..=12", ErrNoState},
		{"erigontech/erigon:rpc/jsonrpc/eth_call.go@main", -32000, "requested block is too old, block must be within 1000 blocks of the head block number (currently 5)", limit},
		{"erigontech/erigon:rpc/jsonrpc/eth_api.go@main", -32000, "history has been pruned for this block", limit},
		{"NethermindEth/nethermind:DebugRpcModule.cs", -32002, "No state available for block 24000000 (0x12ab)", ErrNoState},
		{"besu-eth/besu:RpcErrorType.java", -32000, "World state unavailable", ErrNoState},
		{"lambdaclass/ethrex:crates/networking/rpc/debug/execution_witness.rs@01cba43", -32603, "Internal Error: Failed to build execution witness Chain error", ErrNoState},

		{"besu-eth/besu:RpcErrorType.java", -32603, "Internal error", nil},
		{"paradigmxyz/jsonrpsee", -32008, "Response is too big", nil},
		{"ethereum/go-ethereum:internal/ethapi/errors.go@v1.17.10", -32000, "execution aborted (timeout = 5s)", nil},
	} {
		got := meaning(&RPCError{Code: c.code, Message: c.message})
		for _, kind := range []error{ErrNoMethod, ErrNotFound, ErrNoState, errLimit} {
			if errors.Is(got, kind) != errors.Is(c.want, kind) {
				t.Errorf("%d %s (%s): %v", c.code, c.message, c.source, got)
			}
		}
	}
}

// TestErrorData checks that the member "data" is part of the error's text and of its meaning.
func TestErrorData(t *testing.T) {
	for raw, want := range map[string]string{
		`{"code":-32008,"message":"Response is too big","data":"Exceeded max limit of 167772160"}`: "the node answered error -32008: Response is too big: Exceeded max limit of 167772160",
		`{"code":3,"message":"m","data":{"reason":"r"}}`:                                           `the node answered error 3: m: {"reason":"r"}`,
		`{"code":3,"message":"m","data":null}`:                                                     "the node answered error 3: m",
		`{"code":3,"message":"m"}`:                                                                 "the node answered error 3: m",
		`"overloaded"`:                                                                             "the node answered error 0: overloaded",
		`[1]`:                                                                                      "the node answered error 0: [1]",
	} {
		if have := decodeRPCError(json.RawMessage(raw)).Error(); have != want {
			t.Errorf("%s: %s, want %s", raw, have, want)
		}
	}
	long := decodeRPCError(json.RawMessage(`{"message":"` + strings.Repeat("日", 1000) + `"}`)).Error()
	if len(long) > 600 || !strings.HasSuffix(long, "日…") {
		t.Errorf("%d bytes: …%q", len(long), long[len(long)-10:])
	}
	if !errors.Is(meaning(&RPCError{Code: -32000, Message: "server error", Data: "missing trie node ab"}), ErrNoState) {
		t.Error("what stands in data has no meaning")
	}
}

// TestAbsentState checks that missing state is retryable near the head and permanent far below
// it.
func TestAbsentState(t *testing.T) {
	client := testNode(t).Client
	for _, c := range []struct {
		message       string
		depth, window uint64
		final         bool
	}{
		{"missing trie node ab (path )", 0, 128, false},
		{"missing trie node ab (path )", 128, 128, false},
		{"missing trie node ab (path )", 129, 128, true},
		{"missing trie node ab (path )", 500, 1024, false},
		{"missing trie node ab (path )", 500, 0, false},
		{"distance to target block exceeds maximum proof window", nearHead, 1024, false},
		{"distance to target block exceeds maximum proof window", nearHead + 1, 1024, true},
		{"pruned history unavailable", 0, 128, false},
		{"pruned history unavailable", 100, 128, true},
		{"block not found", 5000, 128, false},
		{"Internal error", 5000, 128, false},
	} {
		err := client.classify(t.Context(), "debug_executionWitness", decodeRPCError(json.RawMessage(`{"code":-32000,"message":"`+c.message+`"}`)))
		err = permanentIfPruned(err, Candidate{Depth: func() (uint64, uint64) { return c.depth, c.window }})
		want := contract.ClassRetryable
		if c.final {
			want = contract.ClassPermanent
		}
		if contract.ClassOf(err) != want || errors.Is(err, ErrOutsideWindow) != c.final {
			t.Errorf("%s, %d below the head, window %d: %s: %v", c.message, c.depth, c.window, contract.ClassOf(err), err)
		}
	}
}

// TestCancelledByAnotherError checks that a call that ends because another call failed has a
// neutral error without the text of the other error.
func TestCancelledByAnotherError(t *testing.T) {
	client := testNode(t).Client
	ctx, cancel := context.WithCancelCause(t.Context())
	other := contract.Retryable(errors.New("http://other: bad block"))
	cancel(other)
	for _, err := range []error{context.Canceled, other, &url.Error{Op: "Post", URL: "http://node/k3y", Err: other}} {
		got := client.classify(ctx, "debug_executionWitness", err)
		if contract.ClassOf(got) != contract.ClassInterrupted || !isNeutral(got) || strings.Contains(got.Error(), "other") || strings.Contains(got.Error(), "k3y") {
			t.Errorf("%v became %s: %v", err, contract.ClassOf(got), got)
		}
	}
}
