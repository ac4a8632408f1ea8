package ethnode

import (
	"errors"
	"testing"
)

// The words of the clients in the field.
func TestMeaning(t *testing.T) {
	for _, c := range []struct {
		code    int
		message string
		want    error
	}{
		{-32601, "the method debug_executionWitness does not exist/is not available", ErrNoMethod}, // geth
		{-32601, "Method not found", ErrNoMethod},                                                  // reth, ethrex
		{-32000, "block {0x999 <nil> false} not found", ErrNotFound},                               // geth
		{-32001, "block not found: 0x1234", ErrNotFound},                                           // reth
		{-32000, "header not found", ErrNotFound},
		{-32000, "unknown block", ErrNotFound},
		{-32602, "distance to target block exceeds maximum proof window", ErrOutsideWindow},                                               // reth
		{-32000, "requested block is too old, block must be within 1000 blocks of the head block number (currently 5)", ErrOutsideWindow}, // erigon
		{-32002, "No state available for block 0x12", ErrOutsideWindow},                                                                   // nethermind
		{-32000, "missing trie node 7b6f (path ) state 0x7b6f is not available, not found", ErrOutsideWindow},                             // geth, hash scheme
		{-32000, "historical state 0x7b6f is not available", ErrOutsideWindow},                                                            // geth, path scheme
		{4444, "pruned history unavailable", ErrOutsideWindow},                                                                            // EIP-4444
		{-32000, "required historical state unavailable (reexec=0)", ErrOutsideWindow},
		{-32603, "internal error", nil},
		{-32000, "execution aborted (timeout = 5s)", nil},
	} {
		got := meaning(&RPCError{Code: c.code, Message: c.message})
		for _, kind := range []error{ErrNoMethod, ErrNotFound, ErrOutsideWindow} {
			if errors.Is(got, kind) != (kind == c.want) {
				t.Errorf("%d %s: %v", c.code, c.message, got)
			}
		}
	}
}
