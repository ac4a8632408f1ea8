package ethnode

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/text"
)

// Header holds the members of a block that a Follower needs.
type Header struct {
	Number  uint64
	Hash    contract.Hash
	Parent  contract.Hash
	Time    time.Time
	GasUsed uint64
	TxCount uint32
}

// Block describes the header's block on a chain.
func (h Header) Block(chainID uint64) contract.Block {
	return contract.Block{ChainID: chainID, Number: h.Number, Hash: h.Hash, ParentHash: h.Parent,
		Time: h.Time, GasUsed: h.GasUsed, TxCount: h.TxCount}
}

// Limits of the numbers that are accepted. They lie far beyond any chain, and are small
// enough that sums cannot overflow.
const (
	maxNumber = 1 << 48
	maxTime   = 1 << 38 // seconds, in the year 10680
)

// UnmarshalJSON reads the result of eth_getBlockByNumber, with transactions as
// hashes or as objects.
func (h *Header) UnmarshalJSON(raw []byte) error {
	var v struct {
		Number       *quantity
		Hash         *contract.Hash
		ParentHash   *contract.Hash
		Timestamp    quantity
		GasUsed      quantity
		Transactions []skipped
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	if v.Number == nil || v.Hash == nil || v.ParentHash == nil {
		return fmt.Errorf("block without number, hash or parentHash")
	}
	if uint64(*v.Number) > maxNumber {
		return fmt.Errorf("block number %d: no chain is so long", uint64(*v.Number))
	}
	if uint64(v.Timestamp) > maxTime {
		return fmt.Errorf("block %d: timestamp %d: no chain lasts so long", uint64(*v.Number), uint64(v.Timestamp))
	}
	*h = Header{Number: uint64(*v.Number), Hash: *v.Hash, Parent: *v.ParentHash, Time: time.Unix(int64(v.Timestamp), 0).UTC(),
		GasUsed: uint64(v.GasUsed), TxCount: uint32(len(v.Transactions))}
	return nil
}

// skipped is an element of a JSON array of which only the length is needed.
type skipped struct{}

func (*skipped) UnmarshalJSON([]byte) error { return nil }

// quantity is an unsigned number in the hexadecimal form of the execution API.
type quantity uint64

func (q *quantity) UnmarshalText(chars []byte) error {
	digits, ok := strings.CutPrefix(string(chars), "0x")
	if !ok {
		return fmt.Errorf("%s is no quantity: want 0x and hexadecimal digits", quoteShort(chars))
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return fmt.Errorf("%s is no 64-bit quantity", quoteShort(chars))
	}
	*q = quantity(n)
	return nil
}

// quoteShort quotes a short text. Of a long one it gives only the length, because the
// redactor would not recognise a part of a secret.
func quoteShort(chars []byte) string {
	if len(chars) > maxExcerpt {
		return fmt.Sprintf("a text of %d characters", len(chars))
	}
	return strconv.Quote(string(chars))
}

func hexNumber(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

// ChainID calls eth_chainId.
func (c *Client) ChainID(ctx context.Context) (uint64, error) {
	var q quantity
	err := c.Call(ctx, &q, "eth_chainId")
	return uint64(q), err
}

// BlockNumber calls eth_blockNumber.
func (c *Client) BlockNumber(ctx context.Context) (uint64, error) {
	var q quantity
	err := c.Call(ctx, &q, "eth_blockNumber")
	return uint64(q), err
}

// ClientVersion calls web3_clientVersion. It returns at most 80 bytes of the answer,
// for example "Geth/v1.17.10-stable/…".
func (c *Client) ClientVersion(ctx context.Context) (string, error) {
	var version string
	err := c.Call(ctx, &version, "web3_clientVersion")
	return text.Cut(c.redactor.Text(version), maxExcerpt), err
}

// Syncing calls eth_syncing. While the node is syncing, behind is the number of blocks
// that it lacks, 0 where it does not report that. A node that has every block and only
// builds its index, as geth does for a while, does not count as syncing.
func (c *Client) Syncing(ctx context.Context) (syncing bool, behind uint64, err error) {
	var raw json.RawMessage
	if err := c.Call(ctx, &raw, "eth_syncing"); err != nil {
		return false, 0, err
	}
	if string(raw) == "false" {
		return false, 0, nil
	}
	var v struct{ CurrentBlock, HighestBlock *quantity }
	if json.Unmarshal(raw, &v) != nil || v.CurrentBlock == nil || v.HighestBlock == nil {
		return true, 0, nil
	}
	if *v.HighestBlock <= *v.CurrentBlock {
		return false, 0, nil
	}
	return true, uint64(*v.HighestBlock - *v.CurrentBlock), nil
}

// Head returns the header of the newest block.
func (c *Client) Head(ctx context.Context) (Header, error) {
	var h Header
	err := c.Call(ctx, &h, "eth_getBlockByNumber", "latest", false)
	return h, err
}

// Headers returns the header of each number on the node's canonical chain, nil where
// the node has none. It requests them in batches, or one by one where the node takes
// no batches.
func (c *Client) Headers(ctx context.Context, numbers []uint64) ([]*Header, error) {
	const batchSize = 64 // the answer for full mainnet blocks stays below 4 MB
	headers := make([]*Header, 0, len(numbers))
	for len(numbers) > 0 {
		n := min(len(numbers), batchSize)
		part, err := c.headers(ctx, numbers[:n])
		if err != nil {
			return nil, err
		}
		headers = append(headers, part...)
		numbers = numbers[n:]
	}
	return headers, nil
}
