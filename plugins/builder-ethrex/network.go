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

// chain finds the chain of the block. It takes the first of these: the flags, a chain.json
// beside the block or the witness, the chain id for which the block's transactions are
// signed, and the public network that can have the block's number at its time.
func (j *buildRun) chain(b *ethblock.Block) (*chain, error) {
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
	id, found, err := signedChainID(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.block, err)
	}
	if found {
		return chainOf(chainspec.ByID(id))
	}
	name, err := networkBySlot(b.Header.Number, b.Header.Timestamp)
	if err != nil {
		return nil, fmt.Errorf("the chain of %s is unknown: no %s lies beside it, none of its %d transactions is signed for a chain, and %w: set --network (%s) or --genesis",
			j.block, sdk.ArtifactChain, len(b.Transactions), err, strings.Join(chainspec.Networks(), ", "))
	}
	return chainOf(chainspec.Network(name))
}

// signedChainID returns the chain id for which the block's transactions are signed. Legacy
// transactions have it in their v (EIP-155), or have none. It fails where transactions are
// signed for two chains.
func signedChainID(b *ethblock.Block) (id uint64, found bool, err error) {
	for i := range b.Transactions {
		t := &b.Transactions[i]
		signed := t.ChainID
		if t.Type == ethblock.TypeLegacy {
			if !t.V.IsUint64() || t.V.Uint64() < 35 {
				continue
			}
			signed = (t.V.Uint64() - 35) / 2
		}
		if found && signed != id {
			return 0, false, fmt.Errorf("its transactions are signed for two chains, %d and %d", id, signed)
		}
		id, found = signed, true
	}
	return id, found, nil
}

// anchors are the blocks of the public networks from which on every block lies in a slot of
// 12 seconds: the first block after the merge, or the genesis block. slotZero is the genesis
// time of the beacon chain. All times are Unix seconds.
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
	// slotSlack is by how many blocks a number may exceed the number of slots since the
	// anchor, because the anchors of chains older than the merge are rounded.
	slotSlack = 10_000
)

// networkBySlot returns the only public network that can have a block with this number at
// this time. The time must be a slot of the network, there must have been enough slots
// since the anchor, and at most half of them may be empty. It fails where no network fits,
// and where several do.
func networkBySlot(number, time uint64) (string, error) {
	var matches []string
	for _, name := range chainspec.Networks() {
		a := anchors[name]
		if time < a.time || number < a.number || (time-a.slotZero)%slotSeconds != 0 {
			continue
		}
		slots, blocks := (time-a.time)/slotSeconds, number-a.number
		if blocks <= slots+slotSlack && blocks+slotSlack >= slots/2 {
			matches = append(matches, name)
		}
	}
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		return "", fmt.Errorf("no public network can have a block %d at the time %d", number, time)
	}
	return "", fmt.Errorf("%s can all have a block %d at the time %d", strings.Join(matches, " and "), number, time)
}
