package witness

import (
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/holiman/uint256"

	"github.com/proofline/proofline/sdk/witness/jsonhex"
)

// transaction is a transaction in JSON, with the members of all transaction types.
type transaction struct {
	kind, nonce, gas                 uint64
	chain, price, tip, fee           uint256.Int
	value, blobFee, v, yParity, r, s uint256.Int
	to                               *common.Address
	from                             common.Address
	input, data                      []byte
	access                           types.AccessList
	blobs                            []common.Hash
	authorizations                   []types.SetCodeAuthorization

	// The results of the method types, one for each transaction type. The numbers are
	// used again for the next transaction.
	legacy     types.LegacyTx
	accessList types.AccessListTx
	dynamicFee types.DynamicFeeTx
	blob       types.BlobTx
	setCode    types.SetCodeTx
	numbers    [7]*big.Int
}

// transactionMembers are the members that enter a transaction's hash, with the
// names of the execution API (ethereum/execution-apis:src/schemas/transaction.yaml@main),
// and the sender, which is not checked. Some clients write data instead of input, or v
// instead of yParity.
var transactionMembers = membersOf(
	number64("type", func(t *transaction) *uint64 { return &t.kind }),
	number256("chainId", func(t *transaction) *uint256.Int { return &t.chain }),
	number64("nonce", func(t *transaction) *uint64 { return &t.nonce }),
	number256("gasPrice", func(t *transaction) *uint256.Int { return &t.price }),
	number256("maxPriorityFeePerGas", func(t *transaction) *uint256.Int { return &t.tip }),
	number256("maxFeePerGas", func(t *transaction) *uint256.Int { return &t.fee }),
	number64("gas", func(t *transaction) *uint64 { return &t.gas }),
	emptyIsAbsent(fixed("to", func(t *transaction) []byte { t.to = new(common.Address); return t.to[:] })),
	number256("value", func(t *transaction) *uint256.Int { return &t.value }),
	scratchBytes("input", func(t *transaction) *[]byte { return &t.input }),
	scratchBytes("data", func(t *transaction) *[]byte { return &t.data }),
	member[transaction]{name: "accessList", read: func(r *jsonhex.Reader, t *transaction) (err error) {
		t.access, err = array(r, readAccess)
		return err
	}},
	number256("maxFeePerBlobGas", func(t *transaction) *uint256.Int { return &t.blobFee }),
	member[transaction]{name: "blobVersionedHashes", read: func(r *jsonhex.Reader, t *transaction) (err error) {
		t.blobs, err = array(r, readHash)
		return err
	}},
	member[transaction]{name: "authorizationList", read: func(r *jsonhex.Reader, t *transaction) (err error) {
		t.authorizations, err = array(r, readAuthorization)
		return err
	}},
	number256("v", func(t *transaction) *uint256.Int { return &t.v }),
	number256("yParity", func(t *transaction) *uint256.Int { return &t.yParity }),
	number256("r", func(t *transaction) *uint256.Int { return &t.r }),
	number256("s", func(t *transaction) *uint256.Int { return &t.s }),
	member[transaction]{name: "from", read: readSender},
)

// scratchBytes returns the member of a byte string that reuses the memory of the
// previous transaction's.
func scratchBytes(name string, place func(*transaction) *[]byte) member[transaction] {
	return member[transaction]{name: name, read: func(r *jsonhex.Reader, t *transaction) (err error) {
		*place(t), err = r.AppendHex((*place(t))[:0])
		return err
	}}
}

// scratch holds transactions for reading. The result of reading one is a copy
// (types.NewTx), so that the memory can be used for the next.
var scratch = sync.Pool{New: func() any { return new(transaction) }}

// readSender reads the sender. The sender enters no hash, so that any value which is not
// an address is skipped.
func readSender(r *jsonhex.Reader, t *transaction) error {
	raw, err := r.Raw()
	if err == nil && len(raw) == 2*common.AddressLength+4 && raw[0] == '"' {
		_ = t.from.UnmarshalText(raw[1 : len(raw)-1])
	}
	return err
}

func readHash(r *jsonhex.Reader, to *common.Hash) error { return readFixed(r, to[:]) }

var accessMembers = membersOf(
	fixed("address", func(a *types.AccessTuple) []byte { return a.Address[:] }),
	member[types.AccessTuple]{name: "storageKeys", read: func(r *jsonhex.Reader, a *types.AccessTuple) (err error) {
		a.StorageKeys, err = array(r, readHash)
		return err
	}},
)

func readAccess(r *jsonhex.Reader, to *types.AccessTuple) error {
	have, err := accessMembers.object(r, to)
	if err == nil {
		err = accessMembers.require(have, "address", "storageKeys")
	}
	return err
}

// authorization is an authorization (EIP-7702) in JSON.
type authorization struct {
	types.SetCodeAuthorization
	v, yParity uint256.Int
}

var authorizationMembers = membersOf(
	number256("chainId", func(a *authorization) *uint256.Int { return &a.ChainID }),
	fixed("address", func(a *authorization) []byte { return a.Address[:] }),
	number64("nonce", func(a *authorization) *uint64 { return &a.Nonce }),
	number256("v", func(a *authorization) *uint256.Int { return &a.v }),
	number256("yParity", func(a *authorization) *uint256.Int { return &a.yParity }),
	number256("r", func(a *authorization) *uint256.Int { return &a.R }),
	number256("s", func(a *authorization) *uint256.Int { return &a.S }),
)

func readAuthorization(r *jsonhex.Reader, to *types.SetCodeAuthorization) error {
	var a authorization
	have, err := authorizationMembers.object(r, &a)
	if err == nil {
		err = authorizationMembers.require(have, "chainId", "address", "nonce", "r", "s")
	}
	if err != nil {
		return err
	}
	parity := a.yParity
	if !authorizationMembers.has(have, "yParity") {
		if parity = a.v; !authorizationMembers.has(have, "v") {
			return errors.New("yParity is missing, and v too")
		}
	}
	if !parity.IsUint64() || parity.Uint64() > 255 {
		return fmt.Errorf("yParity: %s has more than 8 bits", parity.Hex())
	}
	*to = a.SetCodeAuthorization
	to.V = uint8(parity.Uint64())
	return nil
}

var errTransactionHash = errors.New("a hash instead of a transaction: full transactions are needed (second argument of eth_getBlockByNumber true)")

// sentTransaction is a transaction with the sender that the node names. The sender has
// not been checked and is zero if the node names none.
type sentTransaction struct {
	*types.Transaction
	from common.Address
}

func readTransaction(r *jsonhex.Reader, to *sentTransaction) error {
	kind, err := r.Peek()
	switch {
	case err != nil:
		return err
	case kind == jsonhex.String:
		return errTransactionHash
	}
	t := scratch.Get().(*transaction)
	const maxKept = 64 << 10 // bytes
	*t = transaction{input: t.input[:0], data: t.data[:0], numbers: t.numbers}
	defer func() {
		if cap(t.input) <= maxKept && cap(t.data) <= maxKept {
			scratch.Put(t)
		}
	}()
	have, err := transactionMembers.object(r, t)
	if err != nil {
		return err
	}
	data, err := t.types(have)
	if err != nil {
		return err
	}
	*to = sentTransaction{types.NewTx(data), t.from}
	return nil
}

// transactionRequired are the members that a transaction must have, by its type. Every
// type needs input as well, and every type but the first yParity; both have two names.
var transactionRequired = [...][]string{
	types.LegacyTxType:     {"nonce", "gas", "value", "r", "s", "gasPrice", "v"},
	types.AccessListTxType: {"nonce", "gas", "value", "r", "s", "chainId", "gasPrice"},
	types.DynamicFeeTxType: {"nonce", "gas", "value", "r", "s", "chainId", "maxPriorityFeePerGas", "maxFeePerGas"},
	types.BlobTxType:       {"nonce", "gas", "value", "r", "s", "chainId", "maxPriorityFeePerGas", "maxFeePerGas", "to", "maxFeePerBlobGas", "blobVersionedHashes"},
	types.SetCodeTxType:    {"nonce", "gas", "value", "r", "s", "chainId", "maxPriorityFeePerGas", "maxFeePerGas", "to", "authorizationList"},
}

// types returns the transaction in go-ethereum's form, which is a part of t. It fails if
// a member is absent that the transaction's type requires.
func (t *transaction) types(have presence) (types.TxData, error) {
	m := transactionMembers
	if !m.has(have, "type") {
		t.kind = t.impliedType(have)
	}
	if t.kind >= uint64(len(transactionRequired)) {
		return nil, fmt.Errorf("type: 0x%x is no known transaction type", t.kind)
	}
	if err := m.require(have, transactionRequired[t.kind]...); err != nil {
		return nil, err
	}
	input := t.input
	if !m.has(have, "input") {
		if input = t.data; !m.has(have, "data") {
			return nil, errors.New("input is missing")
		}
	}
	parity := t.yParity
	if t.kind != types.LegacyTxType && !m.has(have, "yParity") {
		if parity = t.v; !m.has(have, "v") {
			return nil, errors.New("yParity is missing, and v too")
		}
	}
	if t.to == nil && (t.kind == types.BlobTxType || t.kind == types.SetCodeTxType) {
		return nil, errors.New("to is empty: this type of transaction creates no contract")
	}
	switch t.kind {
	case types.LegacyTxType:
		t.legacy = types.LegacyTx{Nonce: t.nonce, GasPrice: t.number(0, &t.price), Gas: t.gas, To: t.to, Value: t.number(1, &t.value), Data: input,
			V: t.number(2, &t.v), R: t.number(3, &t.r), S: t.number(4, &t.s)}
		return &t.legacy, nil
	case types.AccessListTxType:
		t.accessList = types.AccessListTx{ChainID: t.number(5, &t.chain), Nonce: t.nonce, GasPrice: t.number(0, &t.price), Gas: t.gas, To: t.to, Value: t.number(1, &t.value), Data: input,
			AccessList: t.access, V: t.number(2, &parity), R: t.number(3, &t.r), S: t.number(4, &t.s)}
		return &t.accessList, nil
	case types.DynamicFeeTxType:
		t.dynamicFee = types.DynamicFeeTx{ChainID: t.number(5, &t.chain), Nonce: t.nonce, GasTipCap: t.number(6, &t.tip), GasFeeCap: t.number(0, &t.fee), Gas: t.gas, To: t.to, Value: t.number(1, &t.value), Data: input,
			AccessList: t.access, V: t.number(2, &parity), R: t.number(3, &t.r), S: t.number(4, &t.s)}
		return &t.dynamicFee, nil
	case types.BlobTxType:
		t.blob = types.BlobTx{ChainID: &t.chain, Nonce: t.nonce, GasTipCap: &t.tip, GasFeeCap: &t.fee, Gas: t.gas, To: *t.to, Value: &t.value, Data: input,
			AccessList: t.access, BlobFeeCap: &t.blobFee, BlobHashes: t.blobs, V: &parity, R: &t.r, S: &t.s}
		return &t.blob, nil
	}
	t.setCode = types.SetCodeTx{ChainID: &t.chain, Nonce: t.nonce, GasTipCap: &t.tip, GasFeeCap: &t.fee, Gas: t.gas, To: *t.to, Value: &t.value, Data: input,
		AccessList: t.access, AuthList: t.authorizations, V: &parity, R: &t.r, S: &t.s}
	return &t.setCode, nil
}

// number returns n as the i-th of the numbers of t.
func (t *transaction) number(i int, n *uint256.Int) *big.Int {
	if t.numbers[i] == nil {
		t.numbers[i] = new(big.Int)
	}
	n.IntoBig(&t.numbers[i])
	return t.numbers[i]
}

// impliedType returns the type that the members of a transaction without a type imply.
// Whether it is right shows when the transactions' root is compared.
func (t *transaction) impliedType(have presence) uint64 {
	m := transactionMembers
	switch {
	case m.has(have, "authorizationList"):
		return types.SetCodeTxType
	case m.has(have, "blobVersionedHashes"):
		return types.BlobTxType
	case m.has(have, "maxFeePerGas"):
		return types.DynamicFeeTxType
	case m.has(have, "accessList"):
		return types.AccessListTxType
	}
	return types.LegacyTxType
}
