// Package load makes the content of a development chain's blocks: transactions of every
// type, contracts that write, delete and read storage, calls that revert, precompiles,
// requests to the consensus layer, and withdrawals.
//
// The content follows from the seed, the block's number and the state before the block, so
// two chains with the same seed have the same load. The number modulo 8 determines special
// transactions of a block, see addFixed. One block of 16 is empty, and one of 8 has no
// transactions.
package load

import (
	"crypto/ecdsa"
	"fmt"
	"math/big"
	"math/rand/v2"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
)

// Nonces is the part of the state that the generator reads.
type Nonces interface {
	GetNonce(common.Address) uint64
}

// Content is the content of a block.
type Content struct {
	Transactions []*types.Transaction
	Withdrawals  []*types.Withdrawal
}

// Generator makes the content of blocks. It is safe for concurrent use.
type Generator struct {
	config      *params.ChainConfig
	signer      types.Signer
	seed        uint64
	average     int
	senders     []account
	authorities []account
}

type account struct {
	key     *ecdsa.PrivateKey
	address common.Address
}

// New returns a generator for the chain. average is the average number of transactions in a
// block. A block has between half and one and a half times as many.
func New(config *params.ChainConfig, seed uint64, average int) *Generator {
	return &Generator{
		config:      config,
		signer:      types.LatestSigner(config),
		seed:        seed,
		average:     average,
		senders:     newAccounts(seed, "sender", senderCount),
		authorities: newAccounts(seed, "authority", authorityCount),
	}
}

// Coinbase returns the account that receives the fees.
func (g *Generator) Coinbase() common.Address { return holderAddress(g.seed, holderCount) }

// Block returns the content of the block with this number and timestamp. baseFee is the base
// fee of that block, and gasLimit is the gas that its transactions may reserve together.
func (g *Generator) Block(number, timestamp uint64, baseFee *big.Int, gasLimit uint64, state Nonces) (Content, error) {
	p := &plan{
		Generator: g,
		number:    number,
		random:    rand.New(rand.NewPCG(g.seed, number)),
		tip:       big.NewInt(params.GWei),
		gasLeft:   gasLimit,
		amsterdam: g.config.IsAmsterdam(new(big.Int).SetUint64(number), timestamp),
		state:     state,
		nonces:    make(map[common.Address]uint64),
	}
	p.feeCap = new(big.Int).Add(new(big.Int).Lsh(baseFee, 1), p.tip)
	var content Content
	if number%16 == 13 {
		return content, nil
	}
	content.Withdrawals = p.withdrawals()
	if g.average > 0 && number%8 != 6 {
		p.addFixed()
		for want := g.average/2 + p.random.IntN(g.average+1); len(p.txs) < want && p.err == nil && !p.full; {
			p.addRandom()
		}
	}
	if p.err != nil {
		return content, fmt.Errorf("content of block %d: %w", number, p.err)
	}
	content.Transactions = p.txs
	return content, nil
}

// plan builds the content of one block.
type plan struct {
	*Generator
	number      uint64
	random      *rand.Rand
	tip, feeCap *big.Int
	gasLeft     uint64
	amsterdam   bool
	full        bool // the gas did not suffice for the last transaction
	state       Nonces
	nonces      map[common.Address]uint64 // next nonces after the transactions so far
	txs         []*types.Transaction
	err         error // error of the first signature that failed
}

// addFixed adds the transactions that the block's number modulo 8 determines.
func (p *plan) addFixed() {
	switch p.number % 8 {
	case 1:
		p.deploy()
		p.blob(1 + p.random.IntN(3))
	case 2:
		p.delegate()
		p.callDelegated()
	case 3:
		p.withdrawalRequest()
		p.consolidationRequest()
		p.deposit()
		if p.amsterdam {
			p.builderDeposit()
			p.builderExit()
		}
	case 4:
		p.store(40)
		p.destroyInConstructor()
	case 5:
		p.remove(40)
		p.recreate()
	case 7:
		p.blockhash(2 + p.random.Uint64N(20))
		p.blob(1)
	case 0:
		for _, call := range precompileCalls {
			p.precompile(call)
		}
	}
}

// addRandom adds one transaction of a random kind.
func (p *plan) addRandom() {
	switch n := p.random.IntN(100); {
	case n < 35:
		p.transfer()
	case n < 55:
		p.store(1 + p.random.IntN(12))
	case n < 65:
		p.remove(1 + p.random.IntN(8))
	case n < 73:
		p.revert()
	case n < 80:
		p.accessList()
	case n < 86:
		p.audit()
	case n < 91:
		p.deploy()
	case n < 95:
		p.precompile(precompileCalls[p.random.IntN(len(precompileCalls))])
	case n < 98:
		p.callDelegated()
	default:
		p.blockhash(1 + p.random.Uint64N(6))
	}
}

func (p *plan) nonce(a common.Address) uint64 {
	if n, ok := p.nonces[a]; ok {
		return n
	}
	return p.state.GetNonce(a)
}

// send chooses a random sender, and signs and appends the transaction that build returns. gas
// is the gas limit before Amsterdam, which also charges for new state (EIP-8037).
func (p *plan) send(gas uint64, build func(nonce, gas uint64) types.TxData) {
	if p.err != nil || p.full {
		return
	}
	if p.amsterdam {
		gas = min(4*gas+100_000, params.MaxTxGas)
	}
	if p.full = gas > p.gasLeft; p.full {
		return
	}
	from := p.senders[p.random.IntN(len(p.senders))]
	nonce := p.nonce(from.address)
	tx, err := types.SignNewTx(from.key, p.signer, build(nonce, gas))
	if err != nil {
		p.err = err
		return
	}
	p.gasLeft -= gas
	p.nonces[from.address] = nonce + 1
	p.txs = append(p.txs, tx)
}

// call sends an EIP-1559 transaction. to is nil for a new contract.
func (p *plan) call(to *common.Address, gas uint64, value *big.Int, data []byte) {
	p.send(gas, func(nonce, gas uint64) types.TxData {
		return &types.DynamicFeeTx{
			ChainID: p.config.ChainID, Nonce: nonce, GasTipCap: p.tip, GasFeeCap: p.feeCap,
			Gas: gas, To: to, Value: value, Data: data,
		}
	})
}

func (p *plan) bytes(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(p.random.Uint32())
	}
	return data
}

func (p *plan) ledger() *common.Address { return &ledgers[p.random.IntN(len(ledgers))] }

// receiver returns an account of the genesis block or, in one case of four, a new one.
func (p *plan) receiver() common.Address {
	if p.random.IntN(4) == 0 {
		return common.BytesToAddress(p.bytes(20))
	}
	return holderAddress(p.seed, p.random.IntN(holderCount))
}

// withdrawals returns up to 16 withdrawals.
func (p *plan) withdrawals() []*types.Withdrawal {
	list := make([]*types.Withdrawal, p.random.IntN(17))
	for i := range list {
		list[i] = &types.Withdrawal{
			Index:     p.number*16 + uint64(i),
			Validator: p.random.Uint64N(1_000_000),
			Address:   p.receiver(),
			Amount:    1 + p.random.Uint64N(params.GWei),
		}
	}
	return list
}

func u256(v *big.Int) *uint256.Int { return uint256.MustFromBig(v) }
