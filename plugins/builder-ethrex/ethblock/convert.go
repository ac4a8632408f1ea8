package ethblock

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness"
)

// UnsupportedError means that ethrex's types cannot hold the block: a fee or chain id has
// more than 64 bits, or the block is from before Shanghai.
type UnsupportedError struct{ err error }

func (e *UnsupportedError) Error() string { return e.err.Error() }
func (e *UnsupportedError) Unwrap() error { return e.err }

// Read reads the block in a file without verifying it. It converts each transaction as soon
// as it is read. Errors begin with the path. It returns an *UnsupportedError for a block
// that ethrex's types cannot hold.
func Read(path string) (*Block, error) {
	b := new(Block)
	read, err := witness.ReadBlockInParts(path, b.converter())
	if err != nil {
		return nil, err
	}
	if err := b.complete(read); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Decode is Read for a block in memory. The result does not refer to data.
func Decode(data []byte) (*Block, error) {
	b := new(Block)
	read, err := witness.DecodeBlockInParts(data, b.converter())
	if err != nil {
		return nil, err
	}
	return b, b.complete(read)
}

// converter returns a function that converts and appends one transaction.
func (b *Block) converter() func(*types.Transaction) error {
	var garbage garbage
	return func(tx *types.Transaction) error {
		if err := b.add(tx); err != nil {
			return err
		}
		garbage.count(&b.Transactions[len(b.Transactions)-1])
		return nil
	}
}

func (b *Block) add(tx *types.Transaction) error {
	if len(b.Transactions) == cap(b.Transactions) { // append would grow long lists in small steps, each of which is garbage
		b.Transactions = slices.Grow(b.Transactions, max(len(b.Transactions), 1))
	}
	b.Transactions = append(b.Transactions, Transaction{})
	if err := b.Transactions[len(b.Transactions)-1].from(tx); err != nil {
		return &UnsupportedError{err}
	}
	return nil
}

// complete sets all fields other than the transactions. It shares the byte strings of the
// block that was read.
func (b *Block) complete(read *witness.Block) error {
	unsupported := func(err error) error { return &UnsupportedError{fmt.Errorf("block %d: %w", read.NumberU64(), err)} }
	if read.Withdrawals() == nil {
		return unsupported(errors.New("withdrawals is missing: the guest takes no block before Shanghai"))
	}
	if err := b.Header.from(read.Header()); err != nil {
		return unsupported(err)
	}
	b.Hash = read.Named
	b.Withdrawals = make([]Withdrawal, len(read.Withdrawals()))
	for i, w := range read.Withdrawals() {
		b.Withdrawals[i] = Withdrawal{Index: w.Index, ValidatorIndex: w.Validator, Address: w.Address, Amount: w.Amount}
	}
	return nil
}

func (h *Header) from(t *types.Header) error {
	*h = Header{
		ParentHash: t.ParentHash, OmmersHash: t.UncleHash, Coinbase: t.Coinbase, StateRoot: t.Root, TransactionsRoot: t.TxHash,
		ReceiptsRoot: t.ReceiptHash, LogsBloom: t.Bloom, Difficulty: *uint256.MustFromBig(t.Difficulty), Number: t.Number.Uint64(),
		GasLimit: t.GasLimit, GasUsed: t.GasUsed, Timestamp: t.Time, ExtraData: t.Extra, PrevRandao: t.MixDigest, Nonce: t.Nonce.Uint64(),
		BlobGasUsed: t.BlobGasUsed, ExcessBlobGas: t.ExcessBlobGas, SlotNumber: t.SlotNumber,
		WithdrawalsRoot: (*[32]byte)(t.WithdrawalsHash), ParentBeaconBlockRoot: (*[32]byte)(t.ParentBeaconRoot),
		RequestsHash: (*[32]byte)(t.RequestsHash), BlockAccessListHash: (*[32]byte)(t.BlockAccessListHash),
	}
	if t.BaseFee == nil {
		return nil
	}
	fee, err := toUint64("baseFeePerGas", t.BaseFee)
	h.BaseFeePerGas = &fee
	return err
}

// toUint64 converts a number that ethrex holds as a u64. name is the name of its field.
func toUint64(name string, n *big.Int) (uint64, error) {
	if !n.IsUint64() {
		return 0, fmt.Errorf("%s: 0x%x has more than 64 bits", name, n)
	}
	return n.Uint64(), nil
}

func (t *Transaction) from(tx *types.Transaction) (err error) {
	v, r, s := tx.RawSignatureValues()
	*t = Transaction{
		Type: tx.Type(), Nonce: tx.Nonce(), Gas: tx.Gas(), To: (*[20]byte)(tx.To()), Value: *uint256.MustFromBig(tx.Value()), Data: tx.Data(),
		R: *uint256.MustFromBig(r), S: *uint256.MustFromBig(s),
	}
	if t.Type == TypeLegacy {
		t.V = *uint256.MustFromBig(v)
	} else {
		if t.ChainID, err = toUint64("chainId", tx.ChainId()); err != nil {
			return err
		}
		t.YParity = v.Sign() != 0
		t.AccessList = accessItems(tx.AccessList())
	}
	if t.Type == TypeLegacy || t.Type == TypeAccessList {
		t.GasPrice = *uint256.MustFromBig(tx.GasPrice())
		return nil
	}
	if t.MaxPriorityFeePerGas, err = toUint64("maxPriorityFeePerGas", tx.GasTipCap()); err != nil {
		return err
	}
	if t.MaxFeePerGas, err = toUint64("maxFeePerGas", tx.GasFeeCap()); err != nil {
		return err
	}
	switch t.Type {
	case TypeBlob:
		t.MaxFeePerBlobGas = *uint256.MustFromBig(tx.BlobGasFeeCap())
		for _, hash := range tx.BlobHashes() {
			t.BlobVersionedHashes = append(t.BlobVersionedHashes, hash)
		}
	case TypeSetCode:
		for _, a := range tx.SetCodeAuthorizations() {
			t.AuthorizationList = append(t.AuthorizationList, Authorization{ChainID: a.ChainID, Address: a.Address, Nonce: a.Nonce,
				YParity: *uint256.NewInt(uint64(a.V)), R: a.R, S: a.S})
		}
	}
	return nil
}

func accessItems(list types.AccessList) []AccessItem {
	items := make([]AccessItem, len(list))
	for i, tuple := range list {
		items[i] = AccessItem{Address: tuple.Address, StorageKeys: make([][32]byte, len(tuple.StorageKeys))}
		for j, key := range tuple.StorageKeys {
			items[i].StorageKeys[j] = key
		}
	}
	return items
}
