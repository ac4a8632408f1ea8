package witness

import (
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// Block is a block with full transactions as a node serves it. What ReadBlock,
// DecodeBlock and ScanBlock return has been verified: the header has all members of
// its fork and hashes to the hash in the JSON, where it names one, and transactions
// and withdrawals hash to the roots in the header.
type Block struct {
	*types.Block
	// Named is the hash that the block calls itself; that of its header where it
	// names none.
	Named common.Hash
	// Senders are the senders of the transactions as the node names them, zero
	// where it does not. Nothing has checked them.
	Senders []common.Address
}

// ErrMismatch is in the chain of every error of a block whose content is not what
// its hash says.
var ErrMismatch = errors.New("the block's content does not have its hash")

// Mismatch makes an error one of ErrMismatch, with its text as it is.
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

// ReadUnverifiedBlock is ReadBlock without the verification, for callers who
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
// form of its own: take gets each one when it has been read, and the block that is
// returned has none. An error of take ends the reading and is in the chain of the answer.
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

// DecodeUnverifiedBlock is DecodeBlock without the verification.
func DecodeUnverifiedBlock(data []byte) (*Block, error) {
	return parseBlock(jsonhex.NewReader(data), nil, nil)
}

// DecodeBlockInParts is ReadBlockInParts for a block in memory. The result does not refer
// to data.
func DecodeBlockInParts(data []byte, take func(*types.Transaction) error) (*Block, error) {
	return parseBlock(jsonhex.NewReader(data), nil, take)
}

// ScanBlock reads and verifies a block while it arrives; its text is never in
// memory as a whole. An error of src is in the chain of the answer.
func ScanBlock(src io.Reader) (*Block, error) {
	limit := &limitedReader{src: src, left: BlockLimit(0)}
	b, err := parseBlock(jsonhex.NewStreamReader(limit), limit, nil)
	if err != nil {
		return nil, err
	}
	return b, b.Verify()
}

// Verify makes sure that the block is what its hash says, as the comment of Block
// states.
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
	have, haveBody given
	body
}

// body is what a block has besides its header.
type body struct {
	transactions []named
	withdrawals  []*types.Withdrawal
	take         func(*types.Transaction) error // gets the transactions where it is not nil
}

var bodyMembers = membersOf(
	member[body]{name: "transactions", read: func(r *jsonhex.Reader, b *body) (err error) {
		if b.take == nil {
			b.transactions, err = array(r, readTransaction)
			return err
		}
		_, err = array(r, func(r *jsonhex.Reader, _ *struct{}) error {
			var tx named
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

// parseBlock reads a block. limit, if there is one, becomes what a block of its gas
// limit can need; take, if there is one, gets the transactions, as ReadBlockInParts says.
func parseBlock(r *jsonhex.Reader, limit *limitedReader, take func(*types.Transaction) error) (*Block, error) {
	p := &blockParts{body: body{take: take}}
	err := Object(r, func(key []byte) error {
		if _, known := bodyMembers.index[string(key)]; known {
			return bodyMembers.read(r, key, &p.body, &p.haveBody)
		}
		err := headerMembers.read(r, key, &p.header, &p.have)
		if err == nil && limit != nil && string(key) == "gasLimit" {
			limit.set(BlockLimit(p.GasLimit))
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
