package ethblock

import (
	"errors"
	"fmt"

	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// The transaction types, EIP-2718.
const (
	TypeLegacy     = 0
	TypeAccessList = 1
	TypeDynamicFee = 2
	TypeBlob       = 3
	TypeSetCode    = 4
)

// Transaction is a transaction of any type; fields that its type does not have
// are zero.
type Transaction struct {
	Type                 byte
	ChainID              uint64 // not of TypeLegacy
	Nonce                uint64
	GasPrice             uint256.Int // TypeLegacy, TypeAccessList
	MaxPriorityFeePerGas uint64
	MaxFeePerGas         uint64
	Gas                  uint64
	To                   *[20]byte // nil to create a contract
	Value                uint256.Int
	Data                 []byte
	AccessList           []AccessItem
	MaxFeePerBlobGas     uint256.Int
	BlobVersionedHashes  [][32]byte
	AuthorizationList    []Authorization
	V                    uint256.Int // TypeLegacy only
	YParity              bool        // all but TypeLegacy
	R, S                 uint256.Int
}

// AccessItem is an entry of an access list.
type AccessItem struct {
	Address     [20]byte
	StorageKeys [][32]byte
}

// Authorization is an entry of an authorization list (EIP-7702).
type Authorization struct {
	ChainID uint256.Int
	Address [20]byte
	Nonce   uint64
	YParity uint256.Int
	R, S    uint256.Int
}

const (
	txType field = iota
	txHash
	txFrom
	txBlockNumber
	txIndex
	txChainID
	txNonce
	txGasPrice
	txMaxPriorityFee
	txMaxFee
	txGas
	txTo
	txValue
	txInput
	txMaxFeePerBlobGas
	txV
	txYParity
	txR
	txS
	txFields
)

var txNames = [txFields]string{
	"type", "hash", "from", "blockNumber", "transactionIndex", "chainId", "nonce", "gasPrice", "maxPriorityFeePerGas", "maxFeePerGas",
	"gas", "to", "value", "input", "maxFeePerBlobGas", "v", "yParity", "r", "s",
}

var txTable = indexOf(txNames[:])

var errTransactionHash = errors.New("a hash instead of a transaction: full transactions are needed (second argument of eth_getBlockByNumber true)")

func readTransaction(r *jsonhex.Reader) (t Transaction, err error) {
	if kind, err := r.Peek(); err == nil && kind == jsonhex.String {
		return t, errTransactionHash
	}
	var values [txFields]value
	f := fields{names: txNames[:], values: values[:]}
	var haveAccess, haveBlobs, haveAuthorizations bool
	err = r.Object(func(key []byte) (err error) {
		switch string(key) {
		case "accessList":
			if null, err := r.Null(); null || err != nil {
				return err
			}
			haveAccess = true
			t.AccessList, err = list(r, "accessList", readAccessItem)
		case "blobVersionedHashes":
			if null, err := r.Null(); null || err != nil {
				return err
			}
			haveBlobs = true
			t.BlobVersionedHashes, err = list(r, "blobVersionedHashes", readHash)
		case "authorizationList":
			if null, err := r.Null(); null || err != nil {
				return err
			}
			haveAuthorizations = true
			t.AuthorizationList, err = list(r, "authorizationList", readAuthorization)
		default:
			err = f.read(r, txTable, key)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	t.convert(&f)
	switch {
	case f.err != nil:
		return t, f.err
	case !haveAccess && t.Type != TypeLegacy:
		return t, missing("accessList")
	case !haveBlobs && t.Type == TypeBlob:
		return t, missing("blobVersionedHashes")
	case !haveAuthorizations && t.Type == TypeSetCode:
		return t, missing("authorizationList")
	}
	return t, nil
}

func (t *Transaction) convert(f *fields) {
	// ethrex takes a transaction without type for one of type 2, and fails later
	// on one of an unknown type.
	kind := uint64(TypeDynamicFee)
	if f.values[txType].present {
		kind = f.uint64(txType)
	}
	if kind > TypeSetCode {
		f.fail(txType, fmt.Errorf("0x%x is no known transaction type", kind))
	}
	t.Type = byte(kind)
	var hash [32]byte
	var from [20]byte
	f.fixed(txHash, hash[:])
	f.fixed(txFrom, from[:])
	f.present(txBlockNumber)
	f.present(txIndex)

	t.Nonce = f.uint64(txNonce)
	t.Gas = f.uint64(txGas)
	t.Value = f.uint256(txValue)
	t.Data = f.bytes(txInput)
	t.R, t.S = f.uint256(txR), f.uint256(txS)
	if kind == TypeLegacy {
		t.V = f.uint256(txV)
	} else {
		t.ChainID = f.uint64(txChainID)
		parity := f.uint256(txYParity)
		if f.err == nil && !(parity.IsUint64() && parity.Uint64() <= 255) {
			f.fail(txYParity, fmt.Errorf("%s has more than 8 bits", parity.Hex()))
		}
		t.YParity = !parity.IsZero()
	}
	if kind == TypeLegacy || kind == TypeAccessList {
		t.GasPrice = f.uint256(txGasPrice)
	} else {
		t.MaxPriorityFeePerGas = f.uint64(txMaxPriorityFee)
		t.MaxFeePerGas = f.uint64(txMaxFee)
	}
	if kind == TypeBlob {
		t.MaxFeePerBlobGas = f.uint256(txMaxFeePerBlobGas)
	}
	t.recipient(f, kind == TypeBlob || kind == TypeSetCode)
}

// recipient reads "to". Null and "" create a contract, where the type can.
func (t *Transaction) recipient(f *fields, required bool) {
	if !required {
		f.present(txTo)
		if f.err != nil || f.values[txTo].null || len(f.values[txTo].text) == 0 {
			return
		}
	}
	t.To = new([20]byte)
	f.fixed(txTo, t.To[:])
}

func readHash(r *jsonhex.Reader) (h [32]byte, err error) {
	text, err := r.Text()
	if err == nil {
		err = fill(h[:], text)
	}
	return h, err
}

var (
	accessNames = [...]string{"address"}
	accessTable = indexOf(accessNames[:])
)

func readAccessItem(r *jsonhex.Reader) (item AccessItem, err error) {
	var values [len(accessNames)]value
	f := fields{names: accessNames[:], values: values[:]}
	haveKeys := false
	err = r.Object(func(key []byte) (err error) {
		if string(key) == "storageKeys" {
			haveKeys = true
			item.StorageKeys, err = list(r, "storageKeys", readHash)
			return err
		}
		return f.read(r, accessTable, key)
	})
	if err != nil {
		return item, err
	}
	f.fixed(0, item.Address[:])
	if f.err == nil && !haveKeys {
		return item, missing("storageKeys")
	}
	return item, f.err
}

const (
	authChainID field = iota
	authAddress
	authNonce
	authYParity
	authR
	authS
	authFields
)

var (
	authNames = [authFields]string{"chainId", "address", "nonce", "yParity", "r", "s"}
	authTable = indexOf(authNames[:])
)

func readAuthorization(r *jsonhex.Reader) (a Authorization, err error) {
	var values [authFields]value
	f := fields{names: authNames[:], values: values[:]}
	if err := r.Object(func(key []byte) error { return f.read(r, authTable, key) }); err != nil {
		return a, err
	}
	a.ChainID = f.uint256(authChainID)
	f.fixed(authAddress, a.Address[:])
	if f.values[authNonce].present { // ethrex: 0 where it is missing
		a.Nonce = f.uint64(authNonce)
	}
	a.YParity = f.uint256(authYParity)
	a.R, a.S = f.uint256(authR), f.uint256(authS)
	return a, f.err
}
