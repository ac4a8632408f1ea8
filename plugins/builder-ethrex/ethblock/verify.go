package ethblock

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness"
)

// Check checks that the block has its hash. The header must have all fields of its fork and
// hash to the block's hash. The transactions and the withdrawals, converted back one by one,
// must hash to the roots in the header. Check returns the header in go-ethereum's type. The
// error wraps witness.ErrMismatch.
func (b *Block) Check() (*types.Header, error) {
	header, err := b.check()
	if err != nil {
		return nil, witness.Mismatch(err)
	}
	return header, nil
}

// Verify is Check, and returns the block in go-ethereum's types.
func (b *Block) Verify() (*types.Block, error) {
	header, err := b.Check()
	if err != nil {
		return nil, err
	}
	transactions := make(types.Transactions, len(b.Transactions))
	for i := range b.Transactions {
		transactions[i] = types.NewTx(b.Transactions[i].types())
	}
	return types.NewBlockWithHeader(header).WithBody(types.Body{Transactions: transactions, Withdrawals: b.withdrawals()}), nil
}

func (b *Block) check() (*types.Header, error) {
	header := b.Header.types()
	if err := witness.CheckForks(header); err != nil {
		return nil, err
	}
	if have := header.Hash(); have != b.Hash {
		return nil, fmt.Errorf("the header hashes to %v, but the block's hash is %v; a header field is wrong, or belongs to a newer fork than this program supports", have, common.Hash(b.Hash))
	}
	if have := witness.DeriveRoot(&encodedList{transactions: b.Transactions}); have != b.Header.TransactionsRoot {
		return nil, fmt.Errorf("the transactions hash to %v, not to transactionsRoot %v", have, header.TxHash)
	}
	if b.Header.WithdrawalsRoot == nil {
		return nil, errors.New("withdrawalsRoot is missing")
	}
	if have := witness.DeriveRoot(b.withdrawals()); have != *b.Header.WithdrawalsRoot {
		return nil, fmt.Errorf("the withdrawals hash to %v, not to withdrawalsRoot %v", have, *header.WithdrawalsHash)
	}
	return header, nil
}

// encodedList is a types.DerivableList that converts each transaction when it is encoded.
type encodedList struct {
	transactions []Transaction
	garbage      garbage
}

// Len implements types.DerivableList.
func (c *encodedList) Len() int { return len(c.transactions) }

// EncodeIndex implements types.DerivableList.
func (c *encodedList) EncodeIndex(i int, w *bytes.Buffer) {
	t := &c.transactions[i]
	if t.Type != TypeLegacy {
		w.WriteByte(t.Type)
	}
	// types.Transactions encodes in the same way. A transaction in a block has no blob
	// sidecar. Writing to a buffer cannot fail.
	_ = rlp.Encode(w, t.types())
	c.garbage.count(t)
}

func (b *Block) withdrawals() types.Withdrawals {
	withdrawals := make(types.Withdrawals, len(b.Withdrawals))
	for i, w := range b.Withdrawals {
		withdrawals[i] = &types.Withdrawal{Index: w.Index, Validator: w.ValidatorIndex, Address: w.Address, Amount: w.Amount}
	}
	return withdrawals
}

// ComputeHash computes the hash of the header.
func (h *Header) ComputeHash() [32]byte { return h.types().Hash() }

func (h *Header) types() *types.Header {
	t := &types.Header{
		ParentHash: h.ParentHash, UncleHash: h.OmmersHash, Coinbase: h.Coinbase, Root: h.StateRoot, TxHash: h.TransactionsRoot,
		ReceiptHash: h.ReceiptsRoot, Bloom: h.LogsBloom, Difficulty: h.Difficulty.ToBig(), Number: new(big.Int).SetUint64(h.Number),
		GasLimit: h.GasLimit, GasUsed: h.GasUsed, Time: h.Timestamp, Extra: h.ExtraData, MixDigest: h.PrevRandao, Nonce: types.EncodeNonce(h.Nonce),
		BlobGasUsed: h.BlobGasUsed, ExcessBlobGas: h.ExcessBlobGas, SlotNumber: h.SlotNumber,
		WithdrawalsHash: (*common.Hash)(h.WithdrawalsRoot), ParentBeaconRoot: (*common.Hash)(h.ParentBeaconBlockRoot),
		RequestsHash: (*common.Hash)(h.RequestsHash), BlockAccessListHash: (*common.Hash)(h.BlockAccessListHash),
	}
	if h.BaseFeePerGas != nil {
		t.BaseFee = new(big.Int).SetUint64(*h.BaseFeePerGas)
	}
	return t
}

func (t *Transaction) types() types.TxData {
	chain := new(big.Int).SetUint64(t.ChainID)
	tip, fee := new(big.Int).SetUint64(t.MaxPriorityFeePerGas), new(big.Int).SetUint64(t.MaxFeePerGas)
	var parity uint64
	if t.YParity {
		parity = 1
	}
	v := new(big.Int).SetUint64(parity)
	r, s := t.R.ToBig(), t.S.ToBig()
	switch t.Type {
	case TypeLegacy:
		return &types.LegacyTx{Nonce: t.Nonce, GasPrice: t.GasPrice.ToBig(), Gas: t.Gas, To: (*common.Address)(t.To), Value: t.Value.ToBig(), Data: t.Data, V: t.V.ToBig(), R: r, S: s}
	case TypeAccessList:
		return &types.AccessListTx{ChainID: chain, Nonce: t.Nonce, GasPrice: t.GasPrice.ToBig(), Gas: t.Gas, To: (*common.Address)(t.To), Value: t.Value.ToBig(), Data: t.Data, AccessList: t.accessList(), V: v, R: r, S: s}
	case TypeDynamicFee:
		return &types.DynamicFeeTx{ChainID: chain, Nonce: t.Nonce, GasTipCap: tip, GasFeeCap: fee, Gas: t.Gas, To: (*common.Address)(t.To), Value: t.Value.ToBig(), Data: t.Data, AccessList: t.accessList(), V: v, R: r, S: s}
	case TypeBlob:
		hashes := make([]common.Hash, len(t.BlobVersionedHashes))
		for i, h := range t.BlobVersionedHashes {
			hashes[i] = h
		}
		return &types.BlobTx{ChainID: uint256.NewInt(t.ChainID), Nonce: t.Nonce, GasTipCap: uint256.NewInt(t.MaxPriorityFeePerGas), GasFeeCap: uint256.NewInt(t.MaxFeePerGas), Gas: t.Gas, To: *t.To, Value: &t.Value, Data: t.Data,
			AccessList: t.accessList(), BlobFeeCap: &t.MaxFeePerBlobGas, BlobHashes: hashes, V: uint256.NewInt(parity), R: &t.R, S: &t.S}
	default:
		list := make([]types.SetCodeAuthorization, len(t.AuthorizationList))
		for i, a := range t.AuthorizationList {
			// A parity of more than 8 bits makes the transactions root differ.
			list[i] = types.SetCodeAuthorization{ChainID: a.ChainID, Address: a.Address, Nonce: a.Nonce, V: uint8(a.YParity.Uint64()), R: a.R, S: a.S}
		}
		return &types.SetCodeTx{ChainID: uint256.NewInt(t.ChainID), Nonce: t.Nonce, GasTipCap: uint256.NewInt(t.MaxPriorityFeePerGas), GasFeeCap: uint256.NewInt(t.MaxFeePerGas), Gas: t.Gas, To: *t.To, Value: &t.Value, Data: t.Data,
			AccessList: t.accessList(), AuthList: list, V: uint256.NewInt(parity), R: &t.R, S: &t.S}
	}
}

func (t *Transaction) accessList() types.AccessList {
	list := make(types.AccessList, len(t.AccessList))
	for i, item := range t.AccessList {
		list[i].Address = item.Address
		list[i].StorageKeys = make([]common.Hash, len(item.StorageKeys))
		for j, key := range item.StorageKeys {
			list[i].StorageKeys[j] = key
		}
	}
	return list
}
