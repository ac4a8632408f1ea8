package input

import (
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/builder-ethrex/rkyv"
)

// writer writes the parts of an archive. Each part has two methods. The one whose name ends
// in Data writes its out-of-line data and returns their positions. The other writes its
// image.
type writer struct {
	*rkyv.Writer
	format format
}

// blockData holds the positions of a block's out-of-line data.
type blockData struct {
	extraData, transactions, ommers, withdrawals rkyv.Position
}

func (w *writer) blockData(b *ethblock.Block) (d blockData) {
	d.extraData = w.Append(b.Header.ExtraData)
	transactions := make([]transactionData, len(b.Transactions))
	for i := range b.Transactions {
		transactions[i] = w.transactionData(&b.Transactions[i])
	}
	d.transactions = w.Position()
	for i := range b.Transactions {
		w.transaction(&b.Transactions[i], transactions[i])
	}
	d.ommers = w.Position()
	d.withdrawals = w.Position()
	for _, withdrawal := range b.Withdrawals {
		w.Uint64(withdrawal.Index)
		w.Uint64(withdrawal.ValidatorIndex)
		w.Append(withdrawal.Address[:])
		w.Uint64(withdrawal.Amount)
	}
	return d
}

// block writes the image of a Block: header and body.
func (w *writer) block(b *ethblock.Block, d blockData) {
	w.header(&b.Header, d.extraData)
	w.Slice(d.transactions, len(b.Transactions))
	w.Slice(d.ommers, 0)
	w.Byte(1) // Some
	w.Slice(d.withdrawals, len(b.Withdrawals))
}

func (w *writer) header(h *ethblock.Header, extraData rkyv.Position) {
	w.Append(h.ParentHash[:])
	w.Append(h.OmmersHash[:])
	w.Append(h.Coinbase[:])
	w.Append(h.StateRoot[:])
	w.Append(h.TransactionsRoot[:])
	w.Append(h.ReceiptsRoot[:])
	w.Append(h.LogsBloom[:])
	w.uint256(&h.Difficulty)
	w.Uint64(h.Number)
	w.Uint64(h.GasLimit)
	w.Uint64(h.GasUsed)
	w.Uint64(h.Timestamp)
	w.Slice(extraData, len(h.ExtraData))
	w.Append(h.PrevRandao[:])
	w.Uint64(h.Nonce)
	w.optionUint64(h.BaseFeePerGas)
	w.optionHash(h.WithdrawalsRoot)
	w.optionUint64(h.BlobGasUsed)
	w.optionUint64(h.ExcessBlobGas)
	w.optionHash(h.ParentBeaconBlockRoot)
	w.optionHash(h.RequestsHash)
	if w.format.accessList {
		w.optionHash(h.BlockAccessListHash)
		w.optionUint64(h.SlotNumber)
	}
}

// transactionData holds the positions of a transaction's out-of-line data.
type transactionData struct {
	data, accessList rkyv.Position
	list             rkyv.Position // blob hashes or authorizations
}

func (w *writer) transactionData(t *ethblock.Transaction) (d transactionData) {
	d.data = w.Append(t.Data)
	if t.Type == ethblock.TypeLegacy {
		return d
	}
	d.accessList = w.accessList(t.AccessList)
	d.list = w.Position()
	switch t.Type {
	case ethblock.TypeBlob:
		for i := range t.BlobVersionedHashes {
			w.Append(t.BlobVersionedHashes[i][:])
		}
	case ethblock.TypeSetCode:
		for i := range t.AuthorizationList {
			a := &t.AuthorizationList[i]
			w.uint256(&a.ChainID)
			w.Append(a.Address[:])
			w.Uint64(a.Nonce)
			w.uint256(&a.YParity)
			w.uint256(&a.R)
			w.uint256(&a.S)
		}
	}
	return d
}

// accessList writes the items, each a byte string of address, number of keys and keys. It
// then writes their images and returns the position of these.
func (w *writer) accessList(list []ethblock.AccessItem) rkyv.Position {
	start := w.Position()
	for i := range list {
		w.Append(list[i].Address[:])
		w.Uint64(uint64(len(list[i].StorageKeys)))
		for j := range list[i].StorageKeys {
			w.Append(list[i].StorageKeys[j][:])
		}
	}
	images := w.Position()
	for i := range list {
		size := 28 + 32*len(list[i].StorageKeys)
		w.Slice(start, size)
		start += rkyv.Position(size)
	}
	return images
}

// transaction writes the image of a transaction: its type, the fields of that
// type, and zeros up to the size of the largest type.
func (w *writer) transaction(t *ethblock.Transaction, d transactionData) {
	end := w.Position() + transactionSize
	w.Byte(t.Type)
	if t.Type != ethblock.TypeLegacy {
		w.Uint64(t.ChainID)
	}
	w.Uint64(t.Nonce)
	if t.Type == ethblock.TypeLegacy || t.Type == ethblock.TypeAccessList {
		w.uint256(&t.GasPrice)
	} else {
		w.Uint64(t.MaxPriorityFeePerGas)
		w.Uint64(t.MaxFeePerGas)
	}
	w.Uint64(t.Gas)
	w.recipient(t)
	w.uint256(&t.Value)
	w.Slice(d.data, len(t.Data))
	if t.Type == ethblock.TypeLegacy {
		w.uint256(&t.V)
	} else {
		w.Slice(d.accessList, len(t.AccessList))
		switch t.Type {
		case ethblock.TypeBlob:
			w.uint256(&t.MaxFeePerBlobGas)
			w.Slice(d.list, len(t.BlobVersionedHashes))
		case ethblock.TypeSetCode:
			w.Slice(d.list, len(t.AuthorizationList))
		}
		w.Bool(t.YParity)
	}
	w.uint256(&t.R)
	w.uint256(&t.S)
	w.PadTo(end)
}

// recipient writes the field "to": an address where the type requires one, otherwise the enum
// TxKind with the variants Call and Create.
func (w *writer) recipient(t *ethblock.Transaction) {
	switch {
	case t.Type == ethblock.TypeBlob || t.Type == ethblock.TypeSetCode:
		w.Append(t.To[:])
	case t.To != nil:
		w.Byte(0) // Call
		w.Append(t.To[:])
	default:
		w.Byte(1) // Create
		w.Zero(recipientSize - 1)
	}
}

func (w *writer) uint256(n *uint256.Int) { w.Limbs(n[:]) }

// optionUint64 writes an Option<u64>. The tag 1 is Some.
func (w *writer) optionUint64(n *uint64) {
	if n == nil {
		w.Zero(9)
		return
	}
	w.Byte(1)
	w.Uint64(*n)
}

// optionHash writes ethrex's OptionH256, an enum whose first variant is Some. So the tag 0 is
// Some.
func (w *writer) optionHash(h *[32]byte) {
	if h == nil {
		w.Byte(1)
		w.Zero(32)
		return
	}
	w.Byte(0)
	w.Append(h[:])
}
