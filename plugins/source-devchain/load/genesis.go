package load

import (
	"crypto/ecdsa"
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
)

const (
	senderCount    = 24   // accounts that send transactions
	authorityCount = 6    // accounts that delegate to a contract (EIP-7702)
	holderCount    = 2000 // accounts that only receive, so that the state trie has depth
)

// deriveKey derives a private key. Everybody can derive these keys; they have no value
// outside of this chain.
func deriveKey(seed uint64, role string, index int) *ecdsa.PrivateKey {
	material := append([]byte("proofline devchain "+role), binary.BigEndian.AppendUint64(nil, seed)...)
	material = binary.BigEndian.AppendUint64(material, uint64(index))
	for {
		material = crypto.Keccak256(material)
		// Only one hash in 2^128 is no valid key.
		if k, err := crypto.ToECDSA(material); err == nil {
			return k
		}
	}
}

// holderAddress returns the address of an account that only receives.
func holderAddress(seed uint64, index int) common.Address {
	material := binary.BigEndian.AppendUint64([]byte("proofline devchain holder"), seed)
	return common.BytesToAddress(crypto.Keccak256(binary.BigEndian.AppendUint64(material, uint64(index)))[12:])
}

func newAccounts(seed uint64, role string, count int) []account {
	list := make([]account, count)
	for i := range list {
		k := deriveKey(seed, role, i)
		list[i] = account{key: k, address: crypto.PubkeyToAddress(k.PublicKey)}
	}
	return list
}

// Alloc returns the accounts of the genesis block: funded senders, accounts that only
// receive, and contracts.
func (g *Generator) Alloc() types.GenesisAlloc {
	alloc := contracts(g.config.DepositContractAddress)
	million := new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(params.Ether))
	for _, a := range g.senders {
		alloc[a.address] = types.Account{Balance: million}
	}
	for i := range holderCount {
		alloc[holderAddress(g.seed, i)] = types.Account{Balance: big.NewInt(int64(i+1) * params.GWei)}
	}
	return alloc
}
