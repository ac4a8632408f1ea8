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

	// Requests are the execution requests (EIP-7685): one entry for each type that
	// is not empty, its first byte the type. Nil before Prague.
	Requests [][]byte
	// AccessList is the RLP of the block access list (EIP-7928), nil before
	// Amsterdam, and AccessListHash its Keccak-256.
	AccessList     []byte
	AccessListHash *common.Hash
	// PublicKeys are the keys that signed the transactions.
	PublicKeys []PublicKey
	// DepositsAsMainnet says that the deposit requests are those that a client
	// finds which takes mainnet's deposit contract to be the chain's.
	DepositsAsMainnet bool

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
// that it may have caused. A cancelled context is noticed between transactions.
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

// Touched executes the block and returns every account that the execution looked
// up, ascending: a superset of those whose storage it needs.
func Touched(ctx context.Context, chain *params.ChainConfig, block *types.Block, w *witness.Witness) ([]common.Address, error) {
	report, err := Execute(ctx, chain, block, w)
	if err != nil {
		return nil, err
	}
	return report.Touched, nil
}

// prepare indexes the witness and, beside it, recovers the keys of the senders.
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

func execute(ctx context.Context, block *types.Block, headers *ancestors, db *witnessDB, keys []PublicKey) (*Report, error) {
	var (
		number = block.NumberU64()
		config = headers.config
	)
	statedb, err := state.New(headers.parent().Root, db)
	if err != nil {
		return nil, cause(db.incomplete(number, nil), &WitnessError{Err: fmt.Errorf("block %d: %w", number, err)})
	}
	result, err := process(ctx, block, headers, statedb, signersOf(config, block, keys))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, cause(db.incomplete(number, headers.missing), &InvalidError{Block: number, Err: err})
	}
	report := &Report{
		Number:            number,
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
	// The state root takes a good part of the time; the rest is made beside it.
	var beside errgroup.Group
	beside.Go(func() error {
		report.ReceiptsRoot = types.DeriveSha(result.receipts, trie.NewStackTrie(nil))
		return nil
	})
	var accessList *bal.BlockAccessList
	beside.Go(func() (err error) {
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
	report.StateRoot = statedb.IntermediateRoot(config.Rules(block.Number(), true, block.Time()))
	if err := beside.Wait(); err != nil {
		return nil, fmt.Errorf("block %d: the block access list cannot be encoded: %w", number, err)
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
	if missing := db.incomplete(number, headers.missing); missing != nil {
		return nil, missing
	}
	if err := statedb.Error(); err != nil {
		return nil, &WitnessError{Err: fmt.Errorf("block %d: the state cannot be read from the witness: %w", number, err)}
	}
	if differences := compare(block.Header(), report, types.MergeBloom(result.receipts)); len(differences) > 0 {
		return nil, &MismatchError{Block: number, Differences: differences}
	}
	if accessList != nil {
		if err := accessList.Validate(block.GasLimit(), len(block.Transactions())); err != nil {
			return nil, &InvalidError{Block: number, Err: fmt.Errorf("its access list breaks a rule: %w", err)}
		}
	}
	report.Nodes, report.NodesUsed = len(db.nodes), used(db.nodes)
	report.Codes, report.CodesUsed = len(db.codes), used(db.codes)
	report.Headers = len(headers.headers)
	report.Touched = db.addresses()
	return report, nil
}

// depositRequest is the type of deposit requests (EIP-6110).
const depositRequest = 0x00

// depositsAsMainnet compares the deposit requests with those that the logs give
// when mainnet's deposit contract is the chain's.
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

// cause prefers the hole in the witness to what it led to.
func cause(incomplete *IncompleteError, otherwise error) error {
	if incomplete != nil {
		return incomplete
	}
	return otherwise
}

// compare lists the header fields that the execution does not confirm.
func compare(header *types.Header, report *Report, bloom types.Bloom) []Difference {
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
	// Blooms are too long to read; their hashes tell them apart.
	add("keccak256(logsBloom)", crypto.Keccak256Hash(header.Bloom[:]).Hex(), crypto.Keccak256Hash(bloom[:]).Hex())
	return differences
}
