package chain

import (
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/consensus/misc/eip1559"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/miner"
)

// build makes the block after the head. It does not add it to the chain, because it must
// be in the journal first. (catalyst.SimulatedBeacon builds and adds in one step.) The
// block has no transactions from the node's pool.
func (c *Chain) build(timestamp uint64) (*types.Block, error) {
	bc := c.node.BlockChain()
	parent := bc.CurrentBlock()
	number := parent.Number.Uint64() + 1
	statedb, err := bc.StateAt(parent.Root, parent.Number, parent.Time)
	if err != nil {
		return nil, fmt.Errorf("state of block %d: %w", number-1, err)
	}
	timestamp = c.fork.timestamp(number, max(timestamp, parent.Time+1))
	content, err := c.load.Block(number, timestamp, eip1559.CalcBaseFee(c.rules, parent), parent.GasLimit, statedb)
	if err != nil {
		return nil, err
	}
	beaconRoot := crypto.Keccak256Hash([]byte("proofline devchain beacon root"), parent.Hash().Bytes())
	var slot *uint64
	if c.rules.IsAmsterdam(parent.Number, timestamp) {
		// The slot follows from the timestamp, so that a late block leaves empty slots.
		slot = new(uint64)
		*slot = (timestamp - genesisTime) / uint64(max(c.config.Period, time.Second)/time.Second)
	}
	block, _, err := c.node.Miner().BuildTestingPayload(&miner.BuildPayloadArgs{
		Parent:       parent.Hash(),
		Timestamp:    timestamp,
		FeeRecipient: c.load.Coinbase(),
		Random:       c.random(number),
		Withdrawals:  content.Withdrawals,
		BeaconRoot:   &beaconRoot,
		SlotNum:      slot,
	}, content.Transactions, len(content.Transactions) == 0, []byte("proofline"))
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", number, err)
	}
	return block, nil
}
