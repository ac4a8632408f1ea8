package stateless

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/types/bal"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"golang.org/x/sync/errgroup"

	"github.com/proofline/proofline/sdk/witness"
)

// Report is the outcome of a successful execution. Every value is computed. Where the
// header holds the same value, the two are equal.
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
	Failed           int // number of transactions whose receipt has the status failed
	Withdrawals      int

	// Requests are the execution requests (EIP-7685). There is one entry for each type
	// that is not empty, and its first byte is the type. It is nil before Prague.
	Requests [][]byte
	// AccessList is the RLP of the block access list (EIP-7928), nil before
	// Amsterdam, and AccessListHash its Keccak-256.
	AccessList     []byte
	AccessListHash *common.Hash
	// PublicKeys are the keys that signed the transactions.
	PublicKeys []PublicKey
	// DepositsAsMainnet reports that a client which uses the address of mainnet's
	// deposit contract on this chain would find the same deposit requests.
	DepositsAsMainnet bool

	Nodes, NodesUsed int // distinct trie nodes of the witness, and those read
	Codes, CodesUsed int // distinct bytecodes of the witness, and those read
	Headers          int // distinct ancestor headers of the witness

	Touched []common.Address // every account that was read, in ascending order
	Time    time.Duration    // wall time of the whole call
}

// Execute executes the block from the witness and compares the outcome with the
// block's header. It returns a *WitnessError or an *IncompleteError where the witness
// is at fault, an *InvalidError or a *MismatchError where the block is, or the error of
// ctx. An incomplete witness takes precedence over a difference that it may have
// caused. Execute checks ctx between transactions.
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
	db, keys, err := prepare(ctx, chain, block, w)
	if err != nil {
		return nil, err
	}
	report, err := execute(ctx, block, headers, db, keys)
	if err != nil {
		return nil, err
	}
	report.Time = time.Since(started)
	return report, nil
}

// Touched executes the block and returns every account that the execution read, in
// ascending order. It is a superset of the accounts whose storage the block needs.
func Touched(ctx context.Context, chain *params.ChainConfig, block *types.Block, w *witness.Witness) ([]common.Address, error) {
	report, err := Execute(ctx, chain, block, w)
	if err != nil {
		return nil, err
	}
	return report.Touched, nil
}

// prepare indexes the witness and recovers the keys of the senders at the same time.
func prepare(ctx context.Context, chain *params.ChainConfig, block *types.Block, w *witness.Witness) (db *witnessDB, keys []PublicKey, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		db = newWitnessDB(w.State, w.Codes)
		return nil
	})
	group.Go(func() (err error) {
		keys, err = PublicKeys(ctx, chain, block)
		return err
	})
	err = group.Wait()
	return db, keys, err
}

// execute executes the block and checks the outcome.
func execute(ctx context.Context, block *types.Block, headers *ancestors, db *witnessDB, keys []PublicKey) (*Report, error) {
	number := block.NumberU64()
	statedb, err := state.New(headers.parent().Root, db)
	if err != nil {
		return nil, preferIncomplete(db.incomplete(number, nil), &WitnessError{Err: fmt.Errorf("block %d: %w", number, err)})
	}
	result, err := process(ctx, block, headers, statedb, signersOf(headers.config, block, keys))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, preferIncomplete(db.incomplete(number, headers.missing), &InvalidError{Block: number, Err: err})
	}
	report, accessList, err := newReport(block, headers, statedb, result, keys)
	if err != nil {
		return nil, err
	}
	if missing := db.incomplete(number, headers.missing); missing != nil {
		return nil, missing
	}
	if err := statedb.Error(); err != nil {
		return nil, &WitnessError{Err: fmt.Errorf("block %d: the state cannot be read from the witness: %w", number, err)}
	}
	if differences := differencesOf(block.Header(), report, types.MergeBloom(result.receipts)); len(differences) > 0 {
		return nil, &MismatchError{Block: number, Differences: differences}
	}
	if accessList != nil {
		if err := accessList.Validate(block.GasLimit(), len(block.Transactions())); err != nil {
			return nil, &InvalidError{Block: number, Err: fmt.Errorf("its access list breaks a rule: %w", err)}
		}
	}
	report.Nodes, report.NodesUsed = len(db.nodes), countUsed(db.nodes)
	report.Codes, report.CodesUsed = len(db.codes), countUsed(db.codes)
	report.Headers = len(headers.headers)
	report.Touched = db.addresses()
	return report, nil
}

// newReport computes the roots and hashes of the outcome. It also returns the block
// access list, nil before Amsterdam.
func newReport(block *types.Block, headers *ancestors, statedb *state.StateDB, result *processed, keys []PublicKey) (*Report, *bal.BlockAccessList, error) {
	report := &Report{
		Number:            block.NumberU64(),
		Hash:              block.Hash(),
		PreStateRoot:      headers.parent().Root,
		TransactionsRoot:  block.TxHash(),
		WithdrawalsRoot:   block.Header().WithdrawalsHash,
		GasUsed:           result.gasUsed,
		Transactions:      len(block.Transactions()),
		Withdrawals:       len(block.Withdrawals()),
		Requests:          result.requests,
		PublicKeys:        keys,
		DepositsAsMainnet: depositsAsMainnet(result),
	}
	// The state root takes a large part of the time. The other two are computed at the
	// same time.
	var group errgroup.Group
	group.Go(func() error {
		report.ReceiptsRoot = types.DeriveSha(result.receipts, trie.NewStackTrie(nil))
		return nil
	})
	var accessList *bal.BlockAccessList
	group.Go(func() (err error) {
		if result.accessList == nil {
			return nil
		}
		accessList = result.accessList.ToEncodingObj()
		if report.AccessList, err = rlp.EncodeToBytes(accessList); err == nil {
			hash := crypto.Keccak256Hash(report.AccessList)
			report.AccessListHash = &hash
		}
		return err
	})
	report.StateRoot = statedb.IntermediateRoot(headers.config.Rules(block.Number(), true, block.Time()))
	if err := group.Wait(); err != nil {
		return nil, nil, fmt.Errorf("block %d: the block access list cannot be encoded: %w", report.Number, err)
	}
	if block.BlobGasUsed() != nil {
		report.BlobGasUsed = *block.BlobGasUsed()
	}
	if result.requests != nil {
		hash := types.CalcRequestsHash(result.requests)
		report.RequestsHash = &hash
	}
	for _, receipt := range result.receipts {
		if receipt.Status != types.ReceiptStatusSuccessful {
			report.Failed++
		}
	}
	return report, accessList, nil
}

// depositRequest is the type of deposit requests (EIP-6110).
const depositRequest = 0x00

// depositsAsMainnet reports whether the deposit requests equal those that the logs give
// with the address of mainnet's deposit contract.
func depositsAsMainnet(result *processed) bool {
	var have, want []byte
	for _, request := range result.requests {
		if request[0] == depositRequest {
			have = request
		}
	}
	var requests [][]byte
	if err := core.ParseDepositLogs(&requests, result.logs, params.MainnetChainConfig); err != nil {
		return false
	}
	if len(requests) > 0 {
		want = requests[0]
	}
	return bytes.Equal(have, want)
}

// preferIncomplete returns the error of an incomplete witness where there is one,
// because it may have caused the other.
func preferIncomplete(incomplete *IncompleteError, otherwise error) error {
	if incomplete != nil {
		return incomplete
	}
	return otherwise
}

// differencesOf lists the header fields that differ from the outcome of the execution.
func differencesOf(header *types.Header, report *Report, bloom types.Bloom) []Difference {
	var differences []Difference
	add := func(field, claimed, executed string) {
		if claimed != executed {
			differences = append(differences, Difference{Field: field, Header: claimed, Executed: executed})
		}
	}
	text := func(hash *common.Hash) string {
		if hash == nil {
			return "absent"
		}
		return hash.Hex()
	}
	add("stateRoot", header.Root.Hex(), report.StateRoot.Hex())
	add("receiptsRoot", header.ReceiptHash.Hex(), report.ReceiptsRoot.Hex())
	add("gasUsed", strconv.FormatUint(header.GasUsed, 10), strconv.FormatUint(report.GasUsed, 10))
	add("requestsHash", text(header.RequestsHash), text(report.RequestsHash))
	add("blockAccessListHash", text(header.BlockAccessListHash), text(report.AccessListHash))
	// A bloom is too long for a message, so its hash stands for it.
	add("keccak256(logsBloom)", crypto.Keccak256Hash(header.Bloom[:]).Hex(), crypto.Keccak256Hash(bloom[:]).Hex())
	return differences
}
