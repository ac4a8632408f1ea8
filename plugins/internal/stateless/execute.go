package stateless

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/trie"
	"golang.org/x/sync/errgroup"

	"github.com/proofline/proofline/sdk/witness"
)

// Report is what a successful execution found. Every value is computed, and
// agrees with the header where the header has it.
type Report struct {
	Number           uint64
	Hash             common.Hash
	StateRoot        common.Hash
	PreStateRoot     common.Hash // the parent's state root, from which the execution started
	ReceiptsRoot     common.Hash
	TransactionsRoot common.Hash
	WithdrawalsRoot  *common.Hash // nil before Shanghai
	RequestsHash     *common.Hash // nil before Prague
	GasUsed          uint64
	BlobGasUsed      uint64
	Transactions     int
	Failed           int // transactions whose receipt says failed
	Withdrawals      int
	Requests         int // execution requests by type: how many types are not empty

	Nodes, NodesUsed int // distinct trie nodes of the witness, and those asked for
	Codes, CodesUsed int // the same of bytecodes
	Headers          int // distinct ancestor headers

	Touched []common.Address // every account that was looked up, ascending
	Time    time.Duration    // wall time of the whole call
}

// Execute executes the block from the witness and compares the outcome with the
// block's header. The errors are *WitnessError and *IncompleteError where the
// witness is at fault, *InvalidError and *MismatchError where the block is, and
// the context's error. A hole in the witness is reported before any difference
// that it may have caused. A cancelled context is noticed between the steps, not
// within the execution, which takes a few seconds at most.
func Execute(ctx context.Context, chain *params.ChainConfig, block *types.Block, w *witness.Witness) (*Report, error) {
	started := time.Now()
	number := block.NumberU64()
	if err := checkBody(chain, block); err != nil {
		return nil, &InvalidError{Block: number, Err: err}
	}
	headers, err := newAncestors(chain, block, w)
	if err != nil {
		return nil, err
	}
	if err := checkHeader(headers, block.Header()); err != nil {
		return nil, &InvalidError{Block: number, Err: err}
	}
	db, err := prepare(ctx, chain, block, w)
	if err != nil {
		return nil, err
	}
	report, err := execute(ctx, block, headers, db)
	if err != nil {
		return nil, err
	}
	report.Time = time.Since(started)
	return report, nil
}

// Touched executes the block and returns every account that the execution looked
// up, ascending: a superset of those whose storage it needs.
func Touched(ctx context.Context, chain *params.ChainConfig, block *types.Block, w *witness.Witness) ([]common.Address, error) {
	report, err := Execute(ctx, chain, block, w)
	if err != nil {
		return nil, err
	}
	return report.Touched, nil
}

// prepare indexes the witness and, beside it, recovers the senders, which the
// transactions then remember.
func prepare(ctx context.Context, chain *params.ChainConfig, block *types.Block, w *witness.Witness) (*witnessDB, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var db *witnessDB
	group.Go(func() error {
		db = newWitnessDB(w.State, w.Codes)
		return nil
	})
	signer := types.MakeSigner(chain, block.Number(), block.Time())
	for i, tx := range block.Transactions() {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if _, err := types.Sender(signer, tx); err != nil {
				return &InvalidError{Block: block.NumberU64(), Err: fmt.Errorf("transaction %d (%s) has no valid sender: %w", i, tx.Hash(), err)}
			}
			return nil
		})
	}
	err := group.Wait()
	return db, err
}

func execute(ctx context.Context, block *types.Block, headers *ancestors, db *witnessDB) (*Report, error) {
	var (
		number    = block.NumberU64()
		config    = headers.config
		validator = core.NewBlockValidator(config, nil)
	)
	statedb, err := state.New(headers.parent().Root, db)
	if err != nil {
		return nil, cause(db.incomplete(number, nil), &WitnessError{Err: fmt.Errorf("block %d: %w", number, err)})
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	result, err := core.NewStateProcessor(&blockhashes{ancestors: headers}).Process(ctx, block, statedb, nil, nil, vm.Config{DisableParallelExecution: true}, nil)
	if err != nil {
		return nil, cause(db.incomplete(number, headers.missing), &InvalidError{Block: number, Err: err})
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report := &Report{
		Number:           number,
		Hash:             block.Hash(),
		PreStateRoot:     headers.parent().Root,
		StateRoot:        statedb.IntermediateRoot(config.Rules(block.Number(), true, block.Time())),
		ReceiptsRoot:     types.DeriveSha(result.Receipts, trie.NewStackTrie(nil)),
		TransactionsRoot: block.TxHash(),
		WithdrawalsRoot:  block.Header().WithdrawalsHash,
		GasUsed:          result.GasUsed,
		Transactions:     len(block.Transactions()),
		Withdrawals:      len(block.Withdrawals()),
		Requests:         len(result.Requests),
	}
	if block.BlobGasUsed() != nil {
		report.BlobGasUsed = *block.BlobGasUsed()
	}
	if block.RequestsHash() != nil {
		hash := types.CalcRequestsHash(result.Requests)
		report.RequestsHash = &hash
	}
	for _, receipt := range result.Receipts {
		if receipt.Status != types.ReceiptStatusSuccessful {
			report.Failed++
		}
	}
	if missing := db.incomplete(number, headers.missing); missing != nil {
		return nil, missing
	}
	if err := statedb.Error(); err != nil {
		return nil, &WitnessError{Err: fmt.Errorf("block %d: the state cannot be read from the witness: %w", number, err)}
	}
	if differences := compare(block.Header(), report, result); len(differences) > 0 {
		return nil, &MismatchError{Block: number, Differences: differences}
	}
	// Whatever a later fork adds to the header is compared there.
	if err := validator.ValidateState(block, statedb, result, false); err != nil {
		return nil, &InvalidError{Block: number, Err: err}
	}
	report.Nodes, report.NodesUsed = len(db.nodes), used(db.nodes)
	report.Codes, report.CodesUsed = len(db.codes), used(db.codes)
	report.Headers = len(headers.headers)
	report.Touched = db.addresses()
	return report, nil
}

// cause prefers the hole in the witness to what it led to.
func cause(incomplete *IncompleteError, otherwise error) error {
	if incomplete != nil {
		return incomplete
	}
	return otherwise
}

// compare lists the header fields that the execution does not confirm.
func compare(header *types.Header, report *Report, result *core.ProcessResult) []Difference {
	var differences []Difference
	add := func(field, claimed, executed string) {
		if claimed != executed {
			differences = append(differences, Difference{Field: field, Header: claimed, Executed: executed})
		}
	}
	add("stateRoot", header.Root.Hex(), report.StateRoot.Hex())
	add("receiptsRoot", header.ReceiptHash.Hex(), report.ReceiptsRoot.Hex())
	add("gasUsed", strconv.FormatUint(header.GasUsed, 10), strconv.FormatUint(report.GasUsed, 10))
	if header.RequestsHash != nil {
		add("requestsHash", header.RequestsHash.Hex(), report.RequestsHash.Hex())
	}
	// Blooms are too long to read; their hashes tell them apart.
	bloom := types.MergeBloom(result.Receipts)
	add("keccak256(logsBloom)", crypto.Keccak256Hash(header.Bloom[:]).Hex(), crypto.Keccak256Hash(bloom[:]).Hex())
	return differences
}
