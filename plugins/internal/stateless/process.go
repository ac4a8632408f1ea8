package stateless

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/types/bal"
	"github.com/ethereum/go-ethereum/core/vm"
)

// processed is the outcome of the transactions and system calls of a block.
type processed struct {
	receipts   types.Receipts
	logs       []*types.Log
	gasUsed    uint64
	requests   [][]byte                         // typed (EIP-7685), not nil from Prague on
	accessList *bal.ConstructionBlockAccessList // EIP-7928; nil before Amsterdam
}

// process executes the block's transactions and system calls on the state. It does what
// core.StateProcessor does
// (ethereum/go-ethereum:core/state_processor.go@v1.17.10), which does not return the
// block access list.
func process(ctx context.Context, block *types.Block, headers *ancestors, statedb *state.StateDB, signers []signer) (*processed, error) {
	var (
		config = headers.config
		header = block.Header()
		out    = new(processed)
		gas    = core.NewGasPool(block.GasLimit())
	)
	if config.IsAmsterdam(header.Number, header.Time) {
		out.accessList = bal.NewConstructionBlockAccessList()
	}
	merge := func(part *bal.ConstructionBlockAccessList) {
		if out.accessList != nil {
			out.accessList.Merge(part)
		}
	}
	evm := vm.NewEVM(core.NewEVMBlockContext(header, &blockhashes{headers}, nil), statedb, config, vm.Config{})
	defer evm.Release()
	merge(core.PreExecution(ctx, block.BeaconRoot(), headers.parent(), config, evm, header.Number, header.Time))
	for i, tx := range block.Transactions() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		message, err := core.TransactionToMessage(tx, &signers[i], header.BaseFee)
		if err != nil {
			return nil, fmt.Errorf("transaction %d (%s): %w", i, tx.Hash(), err)
		}
		statedb.SetTxContext(tx.Hash(), i, uint32(i+1))
		receipt, part, err := core.ApplyTransactionWithEVM(ctx, message, gas, statedb, header.Number, block.Hash(), header.Time, tx, evm)
		if err != nil {
			return nil, fmt.Errorf("transaction %d (%s): %w", i, tx.Hash(), err)
		}
		out.receipts = append(out.receipts, receipt)
		out.logs = append(out.logs, receipt.Logs...)
		merge(part)
	}
	requests, part, err := core.PostExecution(ctx, config, header.Number, header.Time, out.logs, block.Withdrawals(), evm, uint32(len(block.Transactions())+1))
	if err != nil {
		return nil, err
	}
	merge(part)
	out.requests, out.gasUsed = requests, gas.Used()
	return out, nil
}
