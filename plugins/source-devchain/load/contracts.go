package load

import (
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/core/vm/program"
	"github.com/ethereum/go-ethereum/crypto"
)

// The contracts of the genesis block. The text of each name determines its address.
var (
	ledgers = []common.Address{contractAddress("ledger 0"), contractAddress("ledger 1"), contractAddress("ledger 2")}
	auditor = contractAddress("auditor")
	fuse    = contractAddress("fuse")
	archive = contractAddress("archive")
	caller  = contractAddress("caller")
)

// ledgerSlots is the number of storage slots of a ledger in the genesis block.
const ledgerSlots = 384

func contractAddress(name string) common.Address {
	return common.BytesToAddress(crypto.Keccak256([]byte("proofline devchain contract " + name))[12:])
}

// contracts returns the genesis accounts of the contracts. depositContract is the address
// of the deposit contract in the chain config.
func contracts(depositContract common.Address) types.GenesisAlloc {
	alloc := types.GenesisAlloc{
		auditor:         contract(auditorCode()),
		fuse:            contract(fuseCode()),
		archive:         contract(archiveCode()),
		caller:          contract(callerCode()),
		depositContract: contract(depositCode()),
	}
	for i, address := range ledgers {
		account := contract(ledgerCode())
		account.Storage = make(map[common.Hash]common.Hash, ledgerSlots)
		for slot := range uint64(ledgerSlots) {
			account.Storage[word(slot)] = crypto.Keccak256Hash([]byte{byte(i)}, word(slot).Bytes())
		}
		alloc[address] = account
	}
	return alloc
}

func contract(code []byte) types.Account {
	return types.Account{Nonce: 1, Balance: new(big.Int), Code: code}
}

func word(v uint64) (w common.Hash) {
	binary.BigEndian.PutUint64(w[24:], v)
	return w
}

// words returns calldata of 32-byte numbers.
func words(values ...uint64) []byte {
	var data []byte
	for _, v := range values {
		data = append(data, word(v).Bytes()...)
	}
	return data
}

// ledgerCode takes (slot, count, factor). In each of count slots from slot on it stores
// factor * (slot | 1). The factor 0 deletes the slots.
func ledgerCode() []byte {
	return loop(program.New().Op(vm.PUSH0, vm.CALLDATALOAD).Push(32).Op(vm.CALLDATALOAD), func(p *program.Program) {
		// slot count → slot count
		p.Push(64).Op(vm.CALLDATALOAD)          // factor count slot
		p.Op(vm.DUP3).Push(1).Op(vm.OR, vm.MUL) // value count slot
		p.Op(vm.DUP3, vm.SSTORE)                // count slot
	}).Op(vm.STOP).Bytes()
}

// auditorCode takes (ledger, slot, count, factor), runs the ledger's code in its own storage
// and logs the remaining gas.
func auditorCode() []byte {
	p := program.New()
	p.Op(vm.CALLDATASIZE, vm.PUSH0, vm.PUSH0, vm.CALLDATACOPY)
	p.Op(vm.PUSH0, vm.PUSH0)                // out
	p.Push(96).Push(32)                     // in: the bytes after the address
	p.Op(vm.PUSH0, vm.CALLDATALOAD, vm.GAS) // gas, address
	p.Op(vm.DELEGATECALL)                   // success
	p.Op(vm.GAS, vm.PUSH0, vm.MSTORE)       // success
	p.Push(32).Op(vm.PUSH0, vm.LOG1)        // the topic is success
	return p.Op(vm.STOP).Bytes()
}

// fuseCode stores the block number, spends some gas and reverts with the calldata.
func fuseCode() []byte {
	p := program.New().Op(vm.NUMBER, vm.PUSH0, vm.SSTORE)
	p.Op(vm.CALLDATASIZE, vm.PUSH0, vm.PUSH0, vm.CALLDATACOPY)
	p.Op(vm.CALLDATASIZE, vm.PUSH0, vm.KECCAK256, vm.POP)
	return p.Op(vm.CALLDATASIZE, vm.PUSH0, vm.REVERT).Bytes()
}

// archiveCode takes (depth). It stores the hash of the block that many blocks back, through
// transient storage, in the slot of the block number modulo 64.
func archiveCode() []byte {
	p := program.New().Op(vm.PUSH0, vm.CALLDATALOAD) // depth
	p.Op(vm.NUMBER, vm.SUB, vm.BLOCKHASH)            // hash
	p.Op(vm.PUSH0, vm.TSTORE, vm.PUSH0, vm.TLOAD)    // hash
	p.Push(63).Op(vm.NUMBER, vm.AND)                 // slot hash
	return p.Op(vm.SSTORE, vm.STOP).Bytes()
}

// callerCode takes an address and input, calls the address, and logs the return data.
func callerCode() []byte {
	p := program.New()
	p.Push(32).Op(vm.CALLDATASIZE, vm.SUB) // size
	p.Op(vm.DUP1).Push(32).Op(vm.PUSH0, vm.CALLDATACOPY)
	p.Op(vm.PUSH0, vm.PUSH0)                // out
	p.Op(vm.DUP3, vm.PUSH0)                 // in
	p.Op(vm.PUSH0, vm.CALLDATALOAD, vm.GAS) // gas, address
	p.Op(vm.STATICCALL)                     // success size
	p.Op(vm.RETURNDATASIZE, vm.PUSH0, vm.PUSH0, vm.RETURNDATACOPY)
	p.Op(vm.RETURNDATASIZE, vm.PUSH0, vm.LOG1) // the topic is success
	return p.Op(vm.STOP).Bytes()
}

// depositTopic is the topic of deposit events in EIP-6110.
var depositTopic = crypto.Keccak256Hash([]byte("DepositEvent(bytes,bytes,bytes,bytes,bytes)"))

// depositCode logs its calldata as a deposit.
func depositCode() []byte {
	p := program.New().Op(vm.CALLDATASIZE, vm.PUSH0, vm.PUSH0, vm.CALLDATACOPY)
	p.Push(depositTopic)
	return p.Op(vm.CALLDATASIZE, vm.PUSH0, vm.LOG1, vm.STOP).Bytes()
}

// loop appends a loop of count steps. The program before it must leave count on the stack
// and slot below it. The body finds both there and must leave them.
func loop(p *program.Program, body func(*program.Program)) *program.Program {
	_, start := p.Jumpdest()
	p.Op(vm.DUP1, vm.ISZERO, vm.PUSH2)
	offset := p.Size()
	p.Append([]byte{0, 0}).Op(vm.JUMPI)
	body(p)
	p.Op(vm.SWAP1).Push(1).Op(vm.ADD, vm.SWAP1) // the next slot
	p.Push(1).Op(vm.SWAP1, vm.SUB)              // one step less
	p.Jump(start)
	_, end := p.Jumpdest()
	binary.BigEndian.PutUint16(p.Bytes()[offset:], uint16(end))
	return p
}
