package ethnode

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/proofline/proofline/sdk/contract"
)

// witnessDialects are the forms of a request for a witness. Those by hash come first,
// because a number may belong to another block a moment later. reth
// (paradigmxyz/reth:crates/rpc/rpc-api/src/debug.rs@v1.9.0) has one method for each
// kind of key. geth (ethereum/go-ethereum:eth/api_debug.go@v1.17.10), erigon and
// nethermind take an EIP-1898 object. Older nodes and ethrex take numbers only.
var witnessDialects = []func(contract.Block) (method string, param any){
	func(b contract.Block) (string, any) { return "debug_executionWitnessByBlockHash", b.Hash },
	func(b contract.Block) (string, any) {
		return "debug_executionWitness", map[string]any{"blockHash": b.Hash}
	},
	func(b contract.Block) (string, any) { return "debug_executionWitness", hexNumber(b.Number) },
}

// Witness streams the execution witness of a block to dst. It tries the dialects in
// turn and remembers the one that the node understands. The caller must check that the
// witness belongs to the block, because some nodes take only the block's number.
func (c *Client) Witness(ctx context.Context, dst io.Writer, block contract.Block) error {
	if i := c.dialect.Load(); i > 0 {
		err := c.witness(ctx, dst, block, int(i-1))
		if !isOtherDialect(err) {
			return err
		}
		c.dialect.Store(0) // another client software serves the endpoint now
	}
	var err error
	for i := range witnessDialects {
		if err = c.witness(ctx, dst, block, i); !isOtherDialect(err) {
			if err == nil {
				c.dialect.Store(int32(i + 1))
			}
			return err
		}
	}
	return err
}

func (c *Client) witness(ctx context.Context, dst io.Writer, block contract.Block, dialect int) error {
	method, param := witnessDialects[dialect](block)
	return c.Stream(ctx, dst, c.opt.WitnessTimeout, method, param)
}

// isOtherDialect reports whether the node did not understand the form of the request.
// In that case nothing was written to dst.
func isOtherDialect(err error) bool {
	if errors.Is(err, ErrNoMethod) {
		return true
	}
	e, ok := errors.AsType[*RPCError](err)
	if !ok {
		return false
	}
	if errors.Is(err, ErrOutsideWindow) || errors.Is(err, ErrNotFound) {
		return false // reth answers -32602 for a block outside its window
	}
	if e.Code == -32602 {
		return true
	}
	text := strings.ToLower(e.Message)
	for _, hint := range []string{"invalid param", "bad param", "invalid argument", "invalid type", "cannot unmarshal", "deserializ", "failed to parse", "wrong block"} {
		if strings.Contains(text, hint) {
			return true
		}
	}
	return false
}

// Block streams the block with this hash, with full transactions, to dst.
func (c *Client) Block(ctx context.Context, dst io.Writer, block contract.Block) error {
	return c.Stream(ctx, dst, max(c.opt.Timeout, c.opt.StallTimeout), "eth_getBlockByHash", block.Hash, true)
}
