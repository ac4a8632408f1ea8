package witness

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
)

// Block is a block whose content has been verified against its hash: the
// header hashes to the hash in the JSON, and transactions and withdrawals to
// the roots in the header.
type Block struct {
	*types.Block
}

// ReadBlock reads the block in a file. Errors begin with the path.
func ReadBlock(path string) (*Block, error) {
	data, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, err := DecodeBlock(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// DecodeBlock reads and verifies a block with full transactions.
func DecodeBlock(data []byte) (*Block, error) {
	text, err := Result(data)
	if err != nil {
		return nil, fmt.Errorf("block: %w", err)
	}
	return decodeBlock(text)
}

// body holds the members of a block's JSON that are outside its header.
type body struct {
	Hash         *common.Hash        `json:"hash"`
	Transactions []json.RawMessage   `json:"transactions"`
	Withdrawals  []*types.Withdrawal `json:"withdrawals"`
	Uncles       []common.Hash       `json:"uncles"`
}

func decodeBlock(text []byte) (*Block, error) {
	header := new(types.Header)
	if err := json.Unmarshal(text, header); err != nil {
		return nil, fmt.Errorf("block header: %w", err)
	}
	var parts body
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, fmt.Errorf("block %v: %w", header.Number, err)
	}
	fail := func(format string, args ...any) (*Block, error) {
		return nil, fmt.Errorf("block %v: %w", header.Number, fmt.Errorf(format, args...))
	}
	if parts.Hash == nil {
		return fail("hash is missing")
	}
	if !header.Number.IsUint64() {
		return fail("number: more than 64 bits")
	}
	if have := header.Hash(); have != *parts.Hash {
		return fail("the header hashes to %v, but the block calls itself %v; a header field is wrong, or of a newer fork than this program knows", have, *parts.Hash)
	}
	if len(parts.Uncles) > 0 {
		return fail("uncles: %d; blocks before the Merge are not supported", len(parts.Uncles))
	}
	transactions := make(types.Transactions, len(parts.Transactions))
	for i, raw := range parts.Transactions {
		if len(raw) > 0 && raw[0] == '"' {
			return fail("transactions[%d] is a hash: full transactions are needed (second argument of eth_getBlockByNumber true)", i)
		}
		transactions[i] = new(types.Transaction)
		if err := transactions[i].UnmarshalJSON(raw); err != nil {
			return fail("transactions[%d]: %w", i, err)
		}
	}
	hasher := trie.NewStackTrie(nil)
	if have := types.DeriveSha(transactions, hasher); have != header.TxHash {
		return fail("the transactions hash to %v, not to transactionsRoot %v", have, header.TxHash)
	}
	if err := checkWithdrawals(header, parts.Withdrawals, hasher); err != nil {
		return fail("%w", err)
	}
	block := types.NewBlockWithHeader(header).WithBody(types.Body{Transactions: transactions, Withdrawals: parts.Withdrawals})
	return &Block{Block: block}, nil
}

func checkWithdrawals(header *types.Header, list []*types.Withdrawal, hasher types.ListHasher) error {
	if header.WithdrawalsHash == nil {
		if list != nil {
			return errors.New("withdrawals without withdrawalsRoot")
		}
		return nil
	}
	if list == nil {
		return errors.New("withdrawals is missing")
	}
	for i, w := range list {
		if w == nil {
			return fmt.Errorf("withdrawals[%d] is null", i)
		}
	}
	if have := types.DeriveSha(types.Withdrawals(list), hasher); have != *header.WithdrawalsHash {
		return fmt.Errorf("the withdrawals hash to %v, not to withdrawalsRoot %v", have, *header.WithdrawalsHash)
	}
	return nil
}

// encodeHeader turns a header object into RLP. Where the object names its hash,
// as geth's do, the result is checked against it.
func encodeHeader(text []byte) ([]byte, error) {
	var header types.Header
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, err
	}
	var named struct {
		Hash *common.Hash `json:"hash"`
	}
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, err
	}
	if have := header.Hash(); named.Hash != nil && have != *named.Hash {
		return nil, fmt.Errorf("the header hashes to %v, but calls itself %v", have, *named.Hash)
	}
	return rlp.EncodeToBytes(&header)
}
