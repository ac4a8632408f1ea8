package ethblock

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness"
)

// Read reads the block in a file as package witness does, without verifying it,
// and converts it. Errors begin with the path.
func Read(path string) (*Block, error) {
	read, err := witness.ReadUnverifiedBlock(path)
	if err != nil {
		return nil, err
	}
	b, err := From(read)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Decode is Read for a block in memory. The result does not refer to data.
func Decode(data []byte) (*Block, error) {
	read, err := witness.DecodeUnverifiedBlock(data)
	if err != nil {
		return nil, err
	}
	return From(read)
}

// From converts a block. It fails where the block does not fit ethrex's types: a
// fee or chain id of more than 64 bits, or a block before Shanghai. The block's
// byte strings are shared.
func From(read *witness.Block) (*Block, error) {
	b := &Block{Hash: read.Named}
	fail := func(err error) (*Block, error) {
		return nil, fmt.Errorf("block %d: %w", read.NumberU64(), err)
	}
	if read.Withdrawals() == nil {
		return fail(errors.New("withdrawals is missing: the guest takes no block before Shanghai"))
	}
	if err := b.Header.from(read.Header()); err != nil {
		return fail(err)
	}
	b.Transactions = make([]Transaction, len(read.Transactions()))
	for i, tx := range read.Transactions() {
		if err := b.Transactions[i].from(tx); err != nil {
			return fail(fmt.Errorf("transactions[%d]: %w", i, err))
		}
	}
	b.Withdrawals = make([]Withdrawal, len(read.Withdrawals()))
	for i, w := range read.Withdrawals() {
		b.Withdrawals[i] = Withdrawal{Index: w.Index, ValidatorIndex: w.Validator, Address: w.Address, Amount: w.Amount}
	}
	return b, nil
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
	fee, err := word("baseFeePerGas", t.BaseFee)
	h.BaseFeePerGas = &fee
	return err
}

// word is a number of ethrex's type u64.
func word(name string, n *big.Int) (uint64, error) {
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
		if t.ChainID, err = word("chainId", tx.ChainId()); err != nil {
			return err
		}
		t.YParity = v.Sign() != 0
		t.AccessList = accessItems(tx.AccessList())
	}
	if t.Type == TypeLegacy || t.Type == TypeAccessList {
		t.GasPrice = *uint256.MustFromBig(tx.GasPrice())
		return nil
	}
	if t.MaxPriorityFeePerGas, err = word("maxPriorityFeePerGas", tx.GasTipCap()); err != nil {
		return err
	}
	if t.MaxFeePerGas, err = word("maxFeePerGas", tx.GasFeeCap()); err != nil {
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
