package ethblock

import "github.com/holiman/uint256"

// Block is a block with full transactions.
type Block struct {
	Hash         [32]byte
	Header       Header
	Transactions []Transaction
	Withdrawals  []Withdrawal
}

// Header is a block header. Optional fields are nil where the block does not have them.
type Header struct {
	ParentHash       [32]byte
	OmmersHash       [32]byte
	Coinbase         [20]byte
	StateRoot        [32]byte
	TransactionsRoot [32]byte
	ReceiptsRoot     [32]byte
	LogsBloom        [256]byte
	Difficulty       uint256.Int
	Number           uint64
	GasLimit         uint64
	GasUsed          uint64
	Timestamp        uint64
	ExtraData        []byte
	PrevRandao       [32]byte // mixHash
	Nonce            uint64

	BaseFeePerGas         *uint64
	WithdrawalsRoot       *[32]byte
	BlobGasUsed           *uint64
	ExcessBlobGas         *uint64
	ParentBeaconBlockRoot *[32]byte
	RequestsHash          *[32]byte
	BlockAccessListHash   *[32]byte // Amsterdam
	SlotNumber            *uint64   // Amsterdam
}

// Withdrawal is a withdrawal of the beacon chain; Amount is in Gwei.
type Withdrawal struct {
	Index, ValidatorIndex uint64
	Address               [20]byte
	Amount                uint64
}

// CreatedCode returns an upper limit for the bytes of code that the block has created, as
// witness.CreatedCode does.
func (b *Block) CreatedCode() int {
	n := int(min(b.Header.GasUsed/200, 1<<30))
	for i := range b.Transactions {
		n += 23 * len(b.Transactions[i].AuthorizationList)
	}
	return n
}
