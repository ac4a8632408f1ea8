package ethblock

import (
	"fmt"

	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness"
	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// Block is a block with full transactions.
type Block struct {
	Hash         [32]byte
	Header       Header
	Transactions []Transaction
	Withdrawals  []Withdrawal
}

// Header is a block header. Optional fields are nil where the answer does not
// have them.
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

// Read reads the block in a file. Errors begin with the path.
func Read(path string) (*Block, error) {
	data, err := witness.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Decode reads a block, bare or in its JSON-RPC answer. It takes data over: the
// block's byte strings are decoded in place and refer to it.
func Decode(data []byte) (*Block, error) {
	b := new(Block)
	if err := b.decode(jsonhex.NewReader(data)); err != nil {
		if b.Header.Number != 0 {
			return nil, fmt.Errorf("block %d: %w", b.Header.Number, err)
		}
		return nil, fmt.Errorf("block: %w", err)
	}
	return b, nil
}

// The fields of a block that are strings, as positions in a table of fields.
const (
	blockHash field = iota
	blockSize
	parentHash
	sha3Uncles
	miner
	stateRoot
	transactionsRoot
	receiptsRoot
	logsBloom
	difficulty
	number
	gasLimit
	gasUsed
	timestamp
	extraData
	mixHash
	nonce
	baseFeePerGas
	withdrawalsRoot
	blobGasUsed
	excessBlobGas
	parentBeaconBlockRoot
	requestsHash
	blockAccessListHash
	slotNumber
	blockFields
)

var blockNames = [blockFields]string{
	"hash", "size", "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom",
	"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas",
	"withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash", "blockAccessListHash", "slotNumber",
}

var blockIndex = indexOf(blockNames[:])

func (b *Block) decode(r *jsonhex.Reader) error {
	var values [blockFields]value
	f := fields{names: blockNames[:], values: values[:]}
	var haveTransactions, haveUncles, haveWithdrawals bool
	err := witness.Object(r, func(key []byte) (err error) {
		switch string(key) {
		case "transactions":
			haveTransactions = true
			b.Transactions, err = list(r, "transactions", readTransaction)
		case "uncles":
			haveUncles = true
			_, err = list(r, "uncles", func(r *jsonhex.Reader) (none struct{}, err error) {
				text, err := r.Text()
				if err == nil {
					err = fill(make([]byte, 32), text)
				}
				return none, err
			})
		case "withdrawals":
			if null, err := r.Null(); null || err != nil {
				return err
			}
			haveWithdrawals = true
			b.Withdrawals, err = list(r, "withdrawals", readWithdrawal)
		default:
			err = f.read(r, blockIndex, key)
		}
		return err
	})
	if err != nil {
		if f.given(number) {
			b.Header.Number = f.uint64(number)
		}
		return err
	}
	b.header(&f)
	switch {
	case f.err != nil:
		return f.err
	case !haveTransactions:
		return missing("transactions")
	case !haveUncles:
		return missing("uncles")
	case !haveWithdrawals:
		return fmt.Errorf("withdrawals is missing: the guest takes no block before Shanghai")
	}
	return nil
}

func (b *Block) header(f *fields) {
	h := &b.Header
	h.Number = f.uint64(number) // first, so that further errors can name it
	f.fixed(blockHash, b.Hash[:])
	f.uint256(blockSize)
	f.fixed(parentHash, h.ParentHash[:])
	f.fixed(sha3Uncles, h.OmmersHash[:])
	f.fixed(miner, h.Coinbase[:])
	f.fixed(stateRoot, h.StateRoot[:])
	f.fixed(transactionsRoot, h.TransactionsRoot[:])
	f.fixed(receiptsRoot, h.ReceiptsRoot[:])
	f.fixed(logsBloom, h.LogsBloom[:])
	if f.given(difficulty) {
		h.Difficulty = f.uint256(difficulty)
	}
	h.GasLimit = f.uint64(gasLimit)
	h.GasUsed = f.uint64(gasUsed)
	h.Timestamp = f.uint64(timestamp)
	h.ExtraData = f.bytes(extraData)
	f.fixed(mixHash, h.PrevRandao[:])
	h.Nonce = f.uint64(nonce)
	h.BaseFeePerGas = f.optionalUint64(baseFeePerGas)
	h.WithdrawalsRoot = f.optionalHash(withdrawalsRoot)
	h.BlobGasUsed = f.optionalUint64(blobGasUsed)
	h.ExcessBlobGas = f.optionalUint64(excessBlobGas)
	h.ParentBeaconBlockRoot = f.optionalHash(parentBeaconBlockRoot)
	h.RequestsHash = f.optionalHash(requestsHash)
	h.BlockAccessListHash = f.optionalHash(blockAccessListHash)
	h.SlotNumber = f.optionalUint64(slotNumber)
}

const (
	withdrawalIndex field = iota
	withdrawalValidator
	withdrawalAddress
	withdrawalAmount
	withdrawalFields
)

var (
	withdrawalNames = [withdrawalFields]string{"index", "validatorIndex", "address", "amount"}
	withdrawalTable = indexOf(withdrawalNames[:])
)

func readWithdrawal(r *jsonhex.Reader) (w Withdrawal, err error) {
	var values [withdrawalFields]value
	f := fields{names: withdrawalNames[:], values: values[:]}
	if err := r.Object(func(key []byte) error { return f.read(r, withdrawalTable, key) }); err != nil {
		return w, err
	}
	w.Index = f.uint64(withdrawalIndex)
	w.ValidatorIndex = f.uint64(withdrawalValidator)
	f.fixed(withdrawalAddress, w.Address[:])
	w.Amount = f.uint64(withdrawalAmount)
	return w, f.err
}
