package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/proofline/proofline/plugins/builder-ethrex/ethblock"
	"github.com/proofline/proofline/plugins/internal/chainspec"
	"github.com/proofline/proofline/sdk"
)

// chain finds the chain of a block that lies in a file: as the flags say, or else
// by a chain.json beside the block or the witness, by the chain id that the
// block's transactions are signed for, or, for a block without such a
// transaction, by its number and time.
func (j *buildJob) chain(b *ethblock.Block) (*chain, error) {
	if j.config.Genesis != "" {
		return readChain(j.config.Genesis)
	}
	if j.config.Network != "auto" {
		return chainOf(chainspec.Network(j.config.Network))
	}
	for _, file := range []string{j.block, j.witness} {
		c, err := readChain(filepath.Join(filepath.Dir(file), sdk.ArtifactChain))
		if !errors.Is(err, os.ErrNotExist) {
			return c, err
		}
	}
	id, found, err := signedFor(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.block, err)
	}
	if found {
		return chainOf(chainspec.ByID(id))
	}
	name, err := networkBySlot(b.Header.Number, b.Header.Timestamp)
	if err != nil {
		return nil, fmt.Errorf("%s does not tell its chain: no %s lies beside it, none of its %d transactions is signed for a chain, and %w: give --network (%s) or --genesis",
			j.block, sdk.ArtifactChain, len(b.Transactions), err, strings.Join(chainspec.Networks(), ", "))
	}
	return chainOf(chainspec.Network(name))
}

// signedFor returns the chain id for which the block's transactions are signed.
// Legacy transactions carry it in their v (EIP-155), or none at all.
func signedFor(b *ethblock.Block) (id uint64, found bool, err error) {
	for i := range b.Transactions {
		t := &b.Transactions[i]
		this := t.ChainID
		if t.Type == ethblock.TypeLegacy {
			if !t.V.IsUint64() || t.V.Uint64() < 35 {
				continue
			}
			this = (t.V.Uint64() - 35) / 2
		}
		if found && this != id {
			return 0, false, fmt.Errorf("its transactions are signed for two chains, %d and %d", id, this)
		}
		id, found = this, true
	}
	return id, found, nil
}

// anchors are blocks of the public networks after which every block lies in a
// slot of 12 seconds: the first one after the merge, or the genesis block. The
// first slot is that of the beacon chain's genesis.
// Source: ethereum/execution-specs and eth-clients/{mainnet,sepolia,holesky,hoodi}
// (genesis times); the blocks themselves.
var anchors = map[string]struct {
	number, time uint64
	slotZero     uint64
}{
	chainspec.Mainnet: {15_537_394, 1_663_224_179, 1_606_824_023},
	chainspec.Sepolia: {1_450_409, 1_657_107_720, 1_655_733_600},
	chainspec.Holesky: {0, 1_695_902_400, 1_695_902_400},
	chainspec.Hoodi:   {0, 1_742_213_400, 1_742_213_400},
}

const (
	slotSeconds = 12
	// slotSlack is by how many blocks a number may exceed the slots since the
	// anchor: the anchors of chains that existed before are rounded.
	slotSlack = 10_000
)

// networkBySlot returns the only public network that can have a block of this
// number at this time: it lies on a slot of the network, there were enough slots,
// and no network has left more than half of them empty.
func networkBySlot(number, time uint64) (string, error) {
	var fit []string
	for _, name := range chainspec.Networks() {
		a := anchors[name]
		if time < a.time || number < a.number || (time-a.slotZero)%slotSeconds != 0 {
			continue
		}
		slots, blocks := (time-a.time)/slotSeconds, number-a.number
		if blocks <= slots+slotSlack && blocks+slotSlack >= slots/2 {
			fit = append(fit, name)
		}
	}
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		return "", fmt.Errorf("no public network can have a block %d at the time %d", number, time)
	}
	return "", fmt.Errorf("%s can all have a block %d at the time %d", strings.Join(fit, " and "), number, time)
}
