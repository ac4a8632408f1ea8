package ethblock

import "github.com/holiman/uint256"

// The transaction types, EIP-2718.
const (
	TypeLegacy     = 0
	TypeAccessList = 1
	TypeDynamicFee = 2
	TypeBlob       = 3
	TypeSetCode    = 4
)

// Transaction is a transaction of any type. Fields that its type does not have are zero.
type Transaction struct {
	Type                 byte
	ChainID              uint64 // all types but TypeLegacy
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
	YParity              bool        // all types but TypeLegacy
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
