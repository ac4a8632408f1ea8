package load

import (
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm/program"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// transfer sends some value, in half of the cases with a legacy transaction.
func (p *plan) transfer() {
	to, value := p.receiver(), new(big.Int).SetUint64(1+p.random.Uint64N(params.Ether))
	if p.random.IntN(2) == 0 {
		p.call(&to, params.TxGas, value, nil)
		return
	}
	p.send(params.TxGas, func(nonce, gas uint64) types.TxData {
		return &types.LegacyTx{Nonce: nonce, GasPrice: p.feeCap, Gas: gas, To: &to, Value: value}
	})
}

const gasPerSlot = 30_000 // for a write of a cold, empty slot with the loop around it

// store writes to slots of a ledger beyond those of the genesis block.
func (p *plan) store(slots int) {
	first := ledgerSlots + p.random.Uint64N(1<<12)
	p.call(p.ledger(), uint64(60_000+slots*gasPerSlot), nil, words(first, uint64(slots), 1+p.random.Uint64N(1<<32)))
}

// remove deletes slots of a ledger among those of the genesis block and those that store has
// probably written.
func (p *plan) remove(slots int) {
	p.call(p.ledger(), uint64(60_000+slots*gasPerSlot), nil, words(p.random.Uint64N(ledgerSlots+1<<10), uint64(slots), 0))
}

// revert calls a contract that reverts.
func (p *plan) revert() { p.call(&fuse, 80_000, nil, p.bytes(4+p.random.IntN(64))) }

// audit runs the code of a ledger in the storage of another contract.
func (p *plan) audit() {
	data := append(common.LeftPadBytes(p.ledger().Bytes(), 32), words(p.random.Uint64N(64), 2, 1+p.random.Uint64N(1<<16))...)
	p.call(&auditor, 200_000, nil, data)
}

// blockhash stores the hash of an earlier block.
func (p *plan) blockhash(depth uint64) {
	p.call(&archive, 100_000, nil, words(min(depth, p.number)))
}

// deploy creates a contract with code of its own.
func (p *plan) deploy() {
	code := append(ledgerCode(), p.bytes(64+p.random.IntN(2000))...)
	init := program.New().Sstore(0, p.number).ReturnViaCodeCopy(code).Bytes()
	p.call(nil, 200_000+uint64(len(code))*(params.CreateDataGas+32), nil, init)
}

// destroyInConstructor creates a contract that destroys itself in its constructor. Its value
// goes to a new account.
func (p *plan) destroyInConstructor() {
	beneficiary := common.BytesToAddress(p.bytes(20))
	p.call(nil, 200_000, big.NewInt(3), program.New().Sstore(1, 1).Selfdestruct(beneficiary).Bytes())
}

// recreate deploys through the factory of EIP-7997 (CREATE2).
func (p *plan) recreate() {
	salt := p.bytes(32)
	init := program.New().ReturnViaCodeCopy(fuseCode()).Bytes()
	p.call(&params.DeterministicFactoryAddress, 200_000, nil, append(salt, init...))
}

// accessList writes to slots with an access list (EIP-2930).
func (p *plan) accessList() {
	to, first := p.ledger(), p.random.Uint64N(ledgerSlots)
	gas := uint64(60_000 + 3*gasPerSlot)
	p.send(gas, func(nonce, gas uint64) types.TxData {
		return &types.AccessListTx{
			ChainID: p.config.ChainID, Nonce: nonce, GasPrice: p.feeCap, Gas: gas, To: to,
			Data:       words(first, 3, 1+p.random.Uint64N(1<<16)),
			AccessList: types.AccessList{{Address: *to, StorageKeys: []common.Hash{word(first), word(first + 1)}}, {Address: auditor}},
		}
	})
}

// blob sends a transaction with the given number of blobs (EIP-4844).
func (p *plan) blob(blobs int) {
	sidecar := newSidecar(blobs, p.random.Uint64)
	to := p.receiver()
	p.send(params.TxGas, func(nonce, gas uint64) types.TxData {
		return &types.BlobTx{
			ChainID: u256(p.config.ChainID), Nonce: nonce, GasTipCap: u256(p.tip), GasFeeCap: u256(p.feeCap),
			Gas: gas, To: to, BlobFeeCap: uint256.NewInt(params.Ether), BlobHashes: sidecar.BlobHashes(), Sidecar: sidecar,
		}
	})
}

// delegate delegates an account that never sends to the code of a ledger, or removes its
// delegation (EIP-7702).
func (p *plan) delegate() {
	authority := p.authorities[p.random.IntN(len(p.authorities))]
	target := *p.ledger()
	if p.random.IntN(4) == 0 {
		target = common.Address{}
	}
	nonce := p.nonce(authority.address)
	auth, err := types.SignSetCode(authority.key, types.SetCodeAuthorization{ChainID: *u256(p.config.ChainID), Address: target, Nonce: nonce})
	if err != nil {
		p.err = err
		return
	}
	const gas = 200_000
	sent := len(p.txs)
	p.send(gas, func(nonce, gas uint64) types.TxData {
		return &types.SetCodeTx{
			ChainID: u256(p.config.ChainID), Nonce: nonce, GasTipCap: u256(p.tip), GasFeeCap: u256(p.feeCap),
			Gas: gas, To: authority.address, Data: words(p.number, 2, 5), AuthList: []types.SetCodeAuthorization{auth},
		}
	})
	if len(p.txs) > sent {
		p.nonces[authority.address] = nonce + 1
	}
}

// callDelegated calls an account that may be delegated. If it is, the call writes to the
// account's own storage.
func (p *plan) callDelegated() {
	to := p.authorities[p.random.IntN(len(p.authorities))].address
	p.call(&to, 150_000, nil, words(p.random.Uint64N(16), 3, p.random.Uint64N(8)))
}

// withdrawalRequest requests a validator's withdrawal (EIP-7002).
func (p *plan) withdrawalRequest() {
	data := append(p.bytes(48), binary.BigEndian.AppendUint64(nil, p.random.Uint64N(32*params.GWei))...)
	p.call(&params.WithdrawalQueueAddress, 200_000, big.NewInt(params.GWei), data)
}

// consolidationRequest requests the consolidation of two validators (EIP-7251).
func (p *plan) consolidationRequest() {
	p.call(&params.ConsolidationQueueAddress, 250_000, big.NewInt(params.GWei), p.bytes(96))
}

// builderDeposit requests a builder's deposit of 1 ether (EIP-8282).
func (p *plan) builderDeposit() {
	data := append(p.bytes(48+32), binary.BigEndian.AppendUint64(nil, params.GWei)...)
	value := new(big.Int).Add(big.NewInt(params.Ether), big.NewInt(params.GWei)) // deposit and fee
	p.call(&params.BuilderDepositAddress, 250_000, value, append(data, p.bytes(96)...))
}

// builderExit requests a builder's exit (EIP-8282).
func (p *plan) builderExit() {
	p.call(&params.BuilderExitAddress, 200_000, big.NewInt(params.GWei), p.bytes(48))
}

// deposit logs a validator's deposit in the form of the deposit contract (EIP-6110).
func (p *plan) deposit() {
	var data []byte
	fields := [][]byte{
		p.bytes(48), // public key
		p.bytes(32), // withdrawal credentials
		binary.LittleEndian.AppendUint64(nil, 32*params.GWei), // amount
		p.bytes(96), // signature
		binary.LittleEndian.AppendUint64(nil, p.number), // index
	}
	offset := uint64(32 * len(fields))
	for _, field := range fields {
		data = append(data, word(offset).Bytes()...)
		offset += 32 + (uint64(len(field))+31)/32*32
	}
	for _, field := range fields {
		data = append(data, word(uint64(len(field))).Bytes()...)
		data = append(data, common.RightPadBytes(field, (len(field)+31)/32*32)...)
	}
	to := p.config.DepositContractAddress
	p.call(&to, 100_000, nil, data)
}

// precompileCall is a call of a precompile with an input that it accepts.
type precompileCall struct {
	address byte
	input   func(p *plan) []byte
}

var precompileCalls = []precompileCall{
	{0x02, func(p *plan) []byte { return p.bytes(100) }},
	{0x03, func(p *plan) []byte { return p.bytes(100) }},
	{0x04, func(p *plan) []byte { return p.bytes(100) }},
	{0x05, func(p *plan) []byte { return append(words(32, 32, 32), p.bytes(96)...) }},
	{0x06, func(*plan) []byte { return words(1, 2, 1, 2) }},
	{0x07, func(p *plan) []byte { return words(1, 2, p.random.Uint64()) }},
	{0x08, func(*plan) []byte { return nil }},
	{0x09, func(p *plan) []byte { return append(append([]byte{0, 0, 0, 12}, p.bytes(208)...), 1) }},
	{0x0b, func(*plan) []byte { return make([]byte, 256) }},
}

// precompile calls a precompile through a contract that logs the result.
func (p *plan) precompile(call precompileCall) {
	data := append(word(uint64(call.address)).Bytes(), call.input(p)...)
	p.call(&caller, 250_000, nil, data)
}
