package ethnode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
)

// headers requests one batch of headers. Once a node has refused a batch, it requests
// them one by one.
func (c *Client) headers(ctx context.Context, numbers []uint64) ([]*Header, error) {
	if len(numbers) == 1 || c.noBatch.Load() {
		return c.headersSingly(ctx, numbers)
	}
	began := time.Now()
	headers, refused, err := c.batch(ctx, numbers)
	if refused {
		c.count(ctx, began, nil)
		c.noBatch.Store(true)
		return c.headersSingly(ctx, numbers)
	}
	c.count(ctx, began, err)
	return headers, err
}

// batch requests headers in one HTTP request. refused reports that the node takes no
// batches.
func (c *Client) batch(ctx context.Context, numbers []uint64) (headers []*Header, refused bool, err error) {
	const method = "eth_getBlockByNumber"
	ctx, cancel := context.WithTimeoutCause(ctx, 3*c.opt.Timeout, fmt.Errorf("no answer within %v: %w", 3*c.opt.Timeout, context.DeadlineExceeded))
	defer cancel()
	calls := make([]request, len(numbers))
	for i, n := range numbers {
		calls[i] = c.request(method, []any{hexNumber(n), false})
	}
	var buf bytes.Buffer
	if err := c.exchange(ctx, calls, &buf, smallAnswer); err != nil {
		return nil, refusesBatches(err), c.classify(ctx, method, err)
	}
	answers := bytes.TrimSpace(buf.Bytes())
	if len(answers) > 0 && answers[0] == '{' { // one error for the whole batch
		var failure struct{ Error json.RawMessage }
		if err := json.Unmarshal(answers, &failure); err != nil {
			return nil, false, c.classify(ctx, method, fmt.Errorf("batch answer is no JSON-RPC: %w", err))
		}
		err := decodeRPCError(failure.Error)
		return nil, refusesBatches(err), c.classify(ctx, method, err)
	}
	headers, err = matchBatch(answers, calls, numbers)
	return headers, false, c.classify(ctx, method, err)
}

// refusesBatches reports whether an error means that the node takes no batches.
func refusesBatches(err error) bool {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return e.Status == 400 || e.Status == 413
	}
	if e, ok := errors.AsType[*RPCError](err); ok {
		return e.Code == -32600 || e.Code == -32700 || strings.Contains(strings.ToLower(e.Message), "batch")
	}
	return false
}

// matchBatch decodes the answers of a batch, which come in any order, into the order
// of the calls. A block that the node does not have is nil.
func matchBatch(answers []byte, calls []request, numbers []uint64) ([]*Header, error) {
	var list []struct {
		ID     *uint64
		Result *Header
		Error  json.RawMessage
	}
	if err := json.Unmarshal(answers, &list); err != nil {
		return nil, fmt.Errorf("the batch answer does not have the form that the method defines: %w", err)
	}
	position := make(map[uint64]int, len(calls))
	for i, call := range calls {
		position[call.ID] = i
	}
	headers := make([]*Header, len(calls))
	for _, a := range list {
		if len(a.Error) > 0 && string(a.Error) != "null" {
			failure := decodeRPCError(a.Error)
			if errors.Is(meaning(failure), ErrNotFound) {
				continue
			}
			return nil, failure
		}
		if a.ID == nil {
			return nil, errors.New("batch answer without an id")
		}
		i, ok := position[*a.ID]
		if !ok {
			return nil, fmt.Errorf("batch answer with the unknown id %d", *a.ID)
		}
		delete(position, *a.ID)
		headers[i] = a.Result
	}
	if missing := len(calls) - len(list); missing > 0 {
		return nil, fmt.Errorf("batch answer lacks %d of %d answers", missing, len(calls))
	}
	for i, h := range headers {
		if h != nil && h.Number != numbers[i] {
			return nil, fmt.Errorf("asked for block %d, the node answered block %d", numbers[i], h.Number)
		}
	}
	return headers, nil
}

func (c *Client) headersSingly(ctx context.Context, numbers []uint64) ([]*Header, error) {
	headers := make([]*Header, len(numbers))
	for i, n := range numbers {
		h := new(Header)
		err := c.Call(ctx, h, "eth_getBlockByNumber", hexNumber(n), false)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return nil, err
		case h.Number != n:
			return nil, contract.Retryable(fmt.Errorf("asked %s for block %d, it answered block %d", c.name, n, h.Number))
		default:
			headers[i] = h
		}
	}
	return headers, nil
}
