package witness

import (
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// header is a header in JSON: go-ethereum's header and the hash that the JSON names.
type header struct {
	types.Header
	named common.Hash
}

// headerMembers are the members of a header that enter its hash, and the hash
// itself, with the names of the execution API
// (ethereum/execution-apis:src/schemas/block.yaml@main). Other members that clients add
// are skipped, such as size, totalDifficulty, author and sealFields.
var headerMembers = membersOf(
	fixed("hash", func(h *header) []byte { return h.named[:] }),
	fixed("parentHash", func(h *header) []byte { return h.ParentHash[:] }),
	fixed("sha3Uncles", func(h *header) []byte { return h.UncleHash[:] }),
	fixed("miner", func(h *header) []byte { return h.Coinbase[:] }),
	fixed("stateRoot", func(h *header) []byte { return h.Root[:] }),
	fixed("transactionsRoot", func(h *header) []byte { return h.TxHash[:] }),
	fixed("receiptsRoot", func(h *header) []byte { return h.ReceiptHash[:] }),
	fixed("logsBloom", func(h *header) []byte { return h.Bloom[:] }),
	notNull(numberBig("difficulty", func(h *header) **big.Int { return &h.Difficulty })),
	member[header]{name: "number", read: readNumber},
	number64("gasLimit", func(h *header) *uint64 { return &h.GasLimit }),
	number64("gasUsed", func(h *header) *uint64 { return &h.GasUsed }),
	number64("timestamp", func(h *header) *uint64 { return &h.Time }),
	byteString("extraData", func(h *header) *[]byte { return &h.Extra }),
	fixed("mixHash", func(h *header) []byte { return h.MixDigest[:] }),
	member[header]{name: "nonce", read: readNonce},
	emptyIsAbsent(numberBig("baseFeePerGas", func(h *header) **big.Int { return &h.BaseFee })),
	optionalHash("withdrawalsRoot", func(h *header) **common.Hash { return &h.WithdrawalsHash }),
	optionalNumber("blobGasUsed", func(h *header) **uint64 { return &h.BlobGasUsed }),
	optionalNumber("excessBlobGas", func(h *header) **uint64 { return &h.ExcessBlobGas }),
	optionalHash("parentBeaconBlockRoot", func(h *header) **common.Hash { return &h.ParentBeaconRoot }),
	optionalHash("requestsHash", func(h *header) **common.Hash { return &h.RequestsHash }),
	optionalHash("blockAccessListHash", func(h *header) **common.Hash { return &h.BlockAccessListHash }),
	optionalHash("balHash", func(h *header) **common.Hash { return &h.BlockAccessListHash }), // the name in older releases of erigon
	optionalNumber("slotNumber", func(h *header) **uint64 { return &h.SlotNumber }),
)

// headerRequired are the members that every header since the Merge has, except for the
// difficulty, which is zero if it is absent.
var headerRequired = []string{"parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom",
	"number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce"}

func optionalHash(name string, place func(*header) **common.Hash) member[header] {
	return fixed(name, func(h *header) []byte {
		hash := new(common.Hash)
		*place(h) = hash
		return hash[:]
	})
}

func optionalNumber(name string, place func(*header) **uint64) member[header] {
	return emptyIsAbsent(number64(name, func(h *header) *uint64 {
		n := new(uint64)
		*place(h) = n
		return n
	}))
}

func readNumber(r *jsonhex.Reader, h *header) error {
	n, err := readUint64(r)
	h.Number = new(big.Int).SetUint64(n)
	return err
}

// readNonce reads eight bytes. A shorter number, which some clients write, is
// padded.
func readNonce(r *jsonhex.Reader, h *header) error {
	n, err := readUint64(r)
	binary.BigEndian.PutUint64(h.Nonce[:], n)
	return err
}

// check fails if a required member is absent, and fills in an absent difficulty.
func (h *header) check(have presence) error {
	if err := headerMembers.require(have, headerRequired...); err != nil {
		return err
	}
	if h.Difficulty == nil {
		h.Difficulty = new(big.Int)
	}
	return nil
}

// verify fails if the header lacks a member of its fork, or if the JSON names another hash
// than the header has.
func (h *header) verify() error {
	if err := CheckForks(&h.Header); err != nil {
		return err
	}
	if have := h.Hash(); h.named != (common.Hash{}) && have != h.named {
		return fmt.Errorf("the header hashes to %v, but calls itself %v; a field is wrong, or of a newer fork than this program knows", have, h.named)
	}
	return nil
}

// readHeader consumes a header object of a witness and returns its RLP. If the object
// names its hash, as geth's do, the result must have that hash.
func readHeader(r *jsonhex.Reader) ([]byte, error) {
	h := new(header)
	have, err := headerMembers.object(r, h)
	if err == nil {
		err = h.check(have)
	}
	if err == nil {
		err = h.verify()
	}
	if err != nil {
		return nil, err
	}
	return rlp.EncodeToBytes(&h.Header)
}

// withdrawalMembers are the members of a withdrawal.
var withdrawalMembers = membersOf(
	number64("index", func(w *types.Withdrawal) *uint64 { return &w.Index }),
	number64("validatorIndex", func(w *types.Withdrawal) *uint64 { return &w.Validator }),
	fixed("address", func(w *types.Withdrawal) []byte { return w.Address[:] }),
	number64("amount", func(w *types.Withdrawal) *uint64 { return &w.Amount }),
)

func readWithdrawal(r *jsonhex.Reader, to **types.Withdrawal) error {
	if null, err := r.Null(); null || err != nil {
		if err == nil {
			err = errNoObject
		}
		return err
	}
	w := new(types.Withdrawal)
	have, err := withdrawalMembers.object(r, w)
	if err == nil {
		err = withdrawalMembers.require(have, "index", "validatorIndex", "address", "amount")
	}
	*to = w
	return err
}
