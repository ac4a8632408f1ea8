package load

import (
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto/kzg4844"
	"github.com/ethereum/go-ethereum/params"
)

// nonces counts what the generator has sent, as a chain would.
type nonces map[common.Address]uint64

func (n nonces) GetNonce(a common.Address) uint64 { return n[a] }

func (n nonces) apply(t *testing.T, signer types.Signer, content Content) {
	t.Helper()
	for _, tx := range content.Transactions {
		from, err := types.Sender(signer, tx)
		if err != nil {
			t.Fatal(err)
		}
		if tx.Nonce() != n[from] {
			t.Errorf("nonce %d of %s, want %d", tx.Nonce(), from, n[from])
		}
		n[from]++
		for _, auth := range tx.SetCodeAuthorizations() {
			authority, err := auth.Authority()
			if err != nil {
				t.Fatal(err)
			}
			if auth.Nonce != n[authority] {
				t.Errorf("authorization with nonce %d of %s, want %d", auth.Nonce, authority, n[authority])
			}
			n[authority]++
		}
	}
}

const gasLimit = 60_000_000

func TestContent(t *testing.T) {
	g := New(params.HoodiChainConfig, 1, 12)
	state := make(nonces)
	kinds := make(map[uint8]int)
	var transactions, blocks int
	indexes := make(map[uint64]bool)
	for number := uint64(1); number <= 64; number++ {
		content, err := g.Block(number, 0, big.NewInt(7), gasLimit, state)
		if err != nil {
			t.Fatal(err)
		}
		state.apply(t, g.signer, content)
		switch {
		case number%16 == 13:
			if len(content.Transactions)+len(content.Withdrawals) > 0 {
				t.Errorf("block %d is not empty", number)
			}
		case number%8 == 6:
			if len(content.Transactions) > 0 {
				t.Errorf("block %d has transactions", number)
			}
		default:
			if len(content.Transactions) < 6 || len(content.Transactions) > 18 {
				t.Errorf("block %d has %d transactions", number, len(content.Transactions))
			}
			blocks++
		}
		for _, tx := range content.Transactions {
			kinds[tx.Type()]++
		}
		for _, w := range content.Withdrawals {
			if indexes[w.Index] {
				t.Errorf("block %d: withdrawal index %d is used twice", number, w.Index)
			}
			indexes[w.Index] = true
		}
		transactions += len(content.Transactions)
	}
	if average := transactions / blocks; average < 10 || average > 14 {
		t.Errorf("%d transactions on average, want about 12", average)
	}
	if have := slices.Sorted(maps.Keys(kinds)); !slices.Equal(have, []uint8{0, 1, 2, 3, 4}) {
		t.Errorf("types %v", kinds)
	}
}

// TestGasLimit checks that the transactions never reserve more gas than the block has.
func TestGasLimit(t *testing.T) {
	for _, average := range []int{0, 1, 400} {
		g := New(params.HoodiChainConfig, 7, average)
		for number := uint64(1); number <= 8; number++ {
			content, err := g.Block(number, 0, big.NewInt(7), 3_000_000, make(nonces))
			if err != nil {
				t.Fatal(err)
			}
			var gas uint64
			for _, tx := range content.Transactions {
				gas += tx.Gas()
			}
			if gas > 3_000_000 || average == 0 && gas > 0 {
				t.Errorf("average %d: block %d reserves %d gas", average, number, gas)
			}
		}
	}
}

func TestSameSeedSameContent(t *testing.T) {
	hashes := func(seed uint64) (list []common.Hash) {
		content, err := New(params.HoodiChainConfig, seed, 12).Block(5, 0, big.NewInt(7), gasLimit, make(nonces))
		if err != nil {
			t.Fatal(err)
		}
		for _, tx := range content.Transactions {
			list = append(list, tx.Hash())
		}
		return list
	}
	if !slices.Equal(hashes(3), hashes(3)) {
		t.Error("one seed gives two contents")
	}
	if slices.Equal(hashes(3), hashes(4)) {
		t.Error("two seeds give one content")
	}
}

// TestSidecarIsValid checks that the KZG library accepts the sidecars.
func TestSidecarIsValid(t *testing.T) {
	sidecar := newSidecar(2, rand.New(rand.NewPCG(1, 2)).Uint64)
	for i := range sidecar.Blobs {
		commitment, err := kzg4844.BlobToCommitment(&sidecar.Blobs[i])
		if err != nil || commitment != sidecar.Commitments[i] {
			t.Errorf("blob %d has the commitment %x, not %x: %v", i, commitment, sidecar.Commitments[i], err)
		}
	}
	if err := kzg4844.VerifyCellProofs(sidecar.Blobs, sidecar.Commitments, sidecar.Proofs); err != nil {
		t.Error(err)
	}
	if sidecar.Commitments[0] == sidecar.Commitments[1] {
		t.Error("two blobs are the same")
	}
	if err := sidecar.ValidateBlobCommitmentHashes(sidecar.BlobHashes()); err != nil {
		t.Error(err)
	}
}

func TestAllocIsFundedAndDistinct(t *testing.T) {
	g := New(params.HoodiChainConfig, 1, 12)
	alloc := g.Alloc()
	for _, a := range g.senders {
		if alloc[a.address].Balance.Cmp(big.NewInt(params.Ether)) < 0 {
			t.Errorf("sender %s has %s wei", a.address, alloc[a.address].Balance)
		}
	}
	if want := senderCount + holderCount + len(contracts(common.Address{})); len(alloc) != want {
		t.Errorf("%d accounts, want %d", len(alloc), want)
	}
	if len(alloc[params.HoodiChainConfig.DepositContractAddress].Code) == 0 {
		t.Error("the deposit contract has no code")
	}
}
