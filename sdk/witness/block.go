package witness

import (
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// Block is a block with full transactions as a node serves it. The blocks that ReadBlock,
// DecodeBlock and ScanBlock return have been verified: the header has all members of
// its fork and hashes to the hash in the JSON, if there is one, and transactions
// and withdrawals hash to the roots in the header.
type Block struct {
	*types.Block
	// Named is the hash in the JSON, or the hash of the header if the JSON has none.
	Named common.Hash
	// Senders are the senders of the transactions as the JSON names them, in the order of
	// the transactions; zero where it names none. They have not been checked.
	Senders []common.Address
}

// ErrMismatch is wrapped by every error about a block whose content does not match its
// hash.
var ErrMismatch = errors.New("the block's content does not have its hash")

// Mismatch returns an error with the text of err that also wraps ErrMismatch.
func Mismatch(err error) error { return &mismatchError{err} }

type mismatchError struct{ err error }

func (e *mismatchError) Error() string        { return e.err.Error() }
func (e *mismatchError) Unwrap() error        { return e.err }
func (e *mismatchError) Is(target error) bool { return target == ErrMismatch }

// ReadBlock reads and verifies the block in a file. Errors begin with the path.
func ReadBlock(path string) (*Block, error) {
	b, err := ReadUnverifiedBlock(path)
	if err != nil {
		return nil, err
	}
	if err := b.Verify(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// ReadUnverifiedBlock reads the block in a file without verifying it, for callers that
// compare the hashes themselves.
func ReadUnverifiedBlock(path string) (*Block, error) {
	f, _, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := parseBlock(jsonhex.NewStreamReader(f), nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// ReadBlockInParts is ReadUnverifiedBlock for a caller that keeps the transactions in a
// form of its own. It calls take with each transaction as soon as it has been read, and
// the returned block has no transactions. An error of take ends the reading and is
// wrapped by the returned error.
func ReadBlockInParts(path string, take func(*types.Transaction) error) (*Block, error) {
	f, _, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := parseBlock(jsonhex.NewStreamReader(f), nil, take)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// DecodeBlock reads and verifies a block. The result does not refer to data.
func DecodeBlock(data []byte) (*Block, error) {
	b, err := DecodeUnverifiedBlock(data)
	if err != nil {
		return nil, err
	}
	return b, b.Verify()
}

// DecodeUnverifiedBlock reads a block without verifying it. The result does not refer to
// data.
func DecodeUnverifiedBlock(data []byte) (*Block, error) {
	return parseBlock(jsonhex.NewReader(data), nil, nil)
}

// DecodeBlockInParts is ReadBlockInParts for a block in memory. The result does not refer
// to data.
func DecodeBlockInParts(data []byte, take func(*types.Transaction) error) (*Block, error) {
	return parseBlock(jsonhex.NewReader(data), nil, take)
}

// ScanBlock reads and verifies a block from a stream. The whole text is never in memory,
// and it may not be longer than a block of its gas limit can be. An error of src is
// wrapped by the returned error.
func ScanBlock(src io.Reader) (*Block, error) {
	limit := &limitedReader{src: src, left: blockLimit(0)}
	b, err := parseBlock(jsonhex.NewStreamReader(limit), limit, nil)
	if err != nil {
		return nil, err
	}
	return b, b.Verify()
}

// Verify fails unless the content of the block matches its hash, in the ways that the
// comment of Block states. The error wraps ErrMismatch.
func (b *Block) Verify() error {
	h := b.Header()
	fail := func(format string, args ...any) error {
		return Mismatch(fmt.Errorf("block %v: %w", h.Number, fmt.Errorf(format, args...)))
	}
	if err := CheckForks(h); err != nil {
		return fail("%w", err)
	}
	if have := h.Hash(); have != b.Named {
		return fail("the header hashes to %v, but the block calls itself %v; a header field is wrong, or of a newer fork than this program knows", have, b.Named)
	}
	if h.UncleHash != types.EmptyUncleHash {
		return fail("sha3Uncles is not that of an empty list: blocks before the Merge are not supported")
	}
	if have := DeriveRoot(b.Transactions()); have != h.TxHash {
		return fail("the transactions hash to %v, not to transactionsRoot %v", have, h.TxHash)
	}
	switch {
	case h.WithdrawalsHash == nil && b.Withdrawals() != nil:
		return fail("withdrawals without withdrawalsRoot")
	case h.WithdrawalsHash == nil:
		return nil
	case b.Withdrawals() == nil:
		return fail("withdrawals is missing")
	}
	if have := DeriveRoot(b.Withdrawals()); have != *h.WithdrawalsHash {
		return fail("the withdrawals hash to %v, not to withdrawalsRoot %v", have, *h.WithdrawalsHash)
	}
	return nil
}

// blockParts are the parts of a block's JSON.
type blockParts struct {
	header
	have, haveBody presence
	body
}

// body is the part of a block without its header.
type body struct {
	transactions []sentTransaction
	withdrawals  []*types.Withdrawal
	take         func(*types.Transaction) error // if not nil, it gets the transactions instead
}

var bodyMembers = membersOf(
	member[body]{name: "transactions", read: func(r *jsonhex.Reader, b *body) (err error) {
		if b.take == nil {
			b.transactions, err = array(r, readTransaction)
			return err
		}
		_, err = array(r, func(r *jsonhex.Reader, _ *struct{}) error {
			var tx sentTransaction
			if err := readTransaction(r, &tx); err != nil {
				return err
			}
			return b.take(tx.Transaction)
		})
		return err
	}},
	member[body]{name: "withdrawals", read: func(r *jsonhex.Reader, b *body) (err error) {
		b.withdrawals, err = array(r, readWithdrawal)
		return err
	}},
)

// parseBlock reads a block. If limit is not nil it is set to what a block of its gas limit
// can need, as soon as that is known. If take is not nil it gets the transactions, as
// ReadBlockInParts says.
func parseBlock(r *jsonhex.Reader, limit *limitedReader, take func(*types.Transaction) error) (*Block, error) {
	p := &blockParts{body: body{take: take}}
	err := answerObject(r, func(key []byte) error {
		if _, known := bodyMembers.index[string(key)]; known {
			return bodyMembers.read(r, key, &p.body, &p.haveBody)
		}
		err := headerMembers.read(r, key, &p.header, &p.have)
		if err == nil && limit != nil && string(key) == "gasLimit" {
			limit.set(blockLimit(p.GasLimit))
		}
		return err
	})
	if err == nil {
		err = p.check(p.have)
	}
	if err == nil {
		err = bodyMembers.require(p.haveBody, "transactions")
	}
	switch {
	case err != nil && p.Number != nil:
		return nil, fmt.Errorf("block %v: %w", p.Number, err)
	case err != nil:
		return nil, fmt.Errorf("block: %w", err)
	}
	b := &Block{Named: p.named, Senders: make([]common.Address, len(p.transactions))}
	transactions := make(types.Transactions, len(p.transactions))
	for i, t := range p.transactions {
		transactions[i], b.Senders[i] = t.Transaction, t.from
	}
	b.Block = types.NewBlockWithHeader(&p.Header).WithBody(types.Body{Transactions: transactions, Withdrawals: p.withdrawals})
	if !headerMembers.has(p.have, "hash") {
		b.Named = b.Hash()
	}
	return b, nil
}
