package ethnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/proofline/proofline/plugins/internal/ethnode/witnesscheck"
	"github.com/proofline/proofline/sdk/contract"
	"github.com/proofline/proofline/sdk/witness"
)

// Names of the facts of a fetch that package contract does not define.
const (
	FactWitnessBytes    = "witness_bytes"    // size of witness.json in bytes
	FactBlockEndpoint   = "block_endpoint"   // label of the endpoint that served block.json
	FactWitnessEndpoint = "witness_endpoint" // label of the endpoint that served witness.json
	FactSurplus         = "surplus_entries"  // number of entries of witness.json that nothing refers to
)

// File is an artifact that is being written. It may also have a method
// Reject(reason error), which is called before Discard when the content did not
// pass the checks.
type File interface {
	io.Writer
	Commit() (contract.Artifact, error) // makes the file durable
	Discard()                           // deletes what was written
}

// callReject calls the Reject method of a file that has one.
func callReject(f File, reason error) {
	if r, ok := f.(interface{ Reject(reason error) }); ok {
		r.Reject(reason)
	}
}

// Fetcher writes blocks and witnesses to disk.
type Fetcher struct {
	Supply Supply
	// MissingTimeout is how long a fetch goes on asking for a block that the node does
	// not have yet. The default is 10 s. The head reaches the parts of a node, and the
	// nodes behind one address, at different times.
	MissingTimeout time.Duration
	// Enter blocks until a fetch may begin. The fetch calls leave at its end. A nil
	// Enter means that any number of fetches may run.
	Enter func(ctx context.Context, number uint64) (leave func(), err error)
	// Strict refuses a witness with entries that nothing refers to.
	Strict bool
}

// Fetch writes block.json and witness.json at the same time to files made by create,
// and checks them against the block's hash and each other. It commits only what passed
// the checks. It checks the data while they arrive, in memory that hardly grows with
// their size.
func (f *Fetcher) Fetch(ctx context.Context, request FetchRequest, create func(name string) (File, error)) (*contract.Result, error) {
	if request.Block.Number == 0 {
		return nil, contract.Permanent(errors.New("block 0 is the genesis block: it has no parent and no witness"))
	}
	if f.Enter != nil {
		leave, err := f.Enter(ctx, request.Block.Number)
		if err != nil {
			return nil, contract.Interrupted(err)
		}
		defer leave()
	}
	group, ctx := errgroup.WithContext(ctx)
	var got atomic.Pointer[witness.Block]
	blockRead := make(chan struct{})
	var block fetchedBlock
	var wit fetchedWitness
	group.Go(func() (err error) {
		block, err = f.block(ctx, request, create)
		if err == nil {
			got.Store(block.block)
			close(blockRead)
		}
		return err
	})
	group.Go(func() (err error) {
		wit, err = f.witness(ctx, request, create, &pendingBlock{block: &got, fetched: blockRead})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	facts := map[string]string{
		contract.FactGasUsed: strconv.FormatUint(block.block.GasUsed(), 10),
		contract.FactTxCount: strconv.Itoa(len(block.block.Transactions())),
		FactWitnessBytes:     strconv.FormatInt(wit.artifact.Size, 10),
		FactBlockEndpoint:    block.from,
		FactWitnessEndpoint:  wit.from,
	}
	if n := wit.summary.Surplus(); n > 0 {
		facts[FactSurplus] = strconv.Itoa(n)
	}
	return &contract.Result{Outputs: []contract.Artifact{block.artifact, wit.artifact}, Facts: facts}, nil
}

// pendingBlock is a block that is being fetched.
type pendingBlock struct {
	block   *atomic.Pointer[witness.Block]
	fetched <-chan struct{}
}

// wait waits for the block. It fails with errNotCompared when ctx ends first.
func (p *pendingBlock) wait(ctx context.Context) (*witness.Block, error) {
	select {
	case <-p.fetched:
		return p.block.Load(), nil
	case <-ctx.Done():
		return nil, contract.Interrupted(fmt.Errorf("%w: %w", errNotCompared, context.Cause(ctx)))
	}
}

// witnessLimit returns how many bytes the witness may have. Before the block has been
// fetched that is the limit of the largest block.
func (p *pendingBlock) witnessLimit() int64 {
	if b := p.block.Load(); b != nil {
		return witness.Limit(b.GasLimit())
	}
	return witness.Limit(0)
}

// fetchedBlock is a block on disk.
type fetchedBlock struct {
	block    *witness.Block
	artifact contract.Artifact
	from     string // label of the reader
}

// fetchedWitness is a witness on disk.
type fetchedWitness struct {
	summary  witnesscheck.Summary
	artifact contract.Artifact
	from     string
}

// checkedFile is data that passed the checks and are not committed yet.
type checkedFile[T any] struct {
	File
	from    string
	content T
}

// refuseData rejects the file and returns the error for data that failed the checks.
// The error is retryable, because another fetch or another reader may succeed.
func refuseData(out File, err error) error {
	err = contract.Retryable(&badDataError{err})
	callReject(out, err)
	return err
}

// block fetches the block and checks its hash and number.
func (f *Fetcher) block(ctx context.Context, request FetchRequest, create func(string) (File, error)) (got fetchedBlock, err error) {
	fetch := func(ctx context.Context, c Candidate) (b checkedFile[*witness.Block], err error) {
		out, err := create(contract.ArtifactBlock)
		if err != nil {
			return b, &storeError{err}
		}
		defer func() {
			if err != nil {
				out.Discard()
			}
		}()
		var block *witness.Block
		reader := consume(func(src io.Reader) (err error) {
			block, err = witness.ScanBlock(src)
			return err
		})
		err = c.Block(ctx, io.MultiWriter(storedFile{out}, reader), request.Block)
		if bad := reader.finish(err); bad != nil && (err == nil || errors.Is(err, bad)) {
			return b, refuseData(out, fmt.Errorf("%s: %w", c.Name(), bad))
		}
		if err != nil {
			return b, err
		}
		if have := contract.Hash(block.Hash()); have != request.Block.Hash || block.NumberU64() != request.Block.Number {
			return b, refuseData(out, fmt.Errorf("%s: asked for block %d %v, the node answered block %d %v", c.Name(), request.Block.Number, request.Block.Hash, block.NumberU64(), have))
		}
		return checkedFile[*witness.Block]{out, c.Label, block}, nil
	}
	use := func(b checkedFile[*witness.Block]) error {
		got.block, got.from = b.content, b.from
		got.artifact, err = b.Commit()
		return err
	}
	err = f.retryMissing(ctx, BlockData, request, func(list []Candidate) error {
		return race(ctx, list, fetch, use, func(b checkedFile[*witness.Block]) { b.Discard() })
	})
	return got, err
}

// witness fetches the witness and checks it against the block.
func (f *Fetcher) witness(ctx context.Context, request FetchRequest, create func(string) (File, error), block *pendingBlock) (got fetchedWitness, err error) {
	fetch := func(ctx context.Context, c Candidate) (w checkedFile[witnesscheck.Summary], err error) {
		out, err := create(contract.ArtifactWitness)
		if err != nil {
			return w, &storeError{err}
		}
		defer func() {
			if err != nil {
				out.Discard()
			}
		}()
		var contents *witnesscheck.Contents
		reader := consume(func(src io.Reader) (err error) {
			contents, err = witnesscheck.Read(src)
			return err
		})
		err = c.Witness(ctx, io.MultiWriter(storedFile{out}, &limitedWriter{reader, block.witnessLimit, 0}), request.Block)
		if bad := reader.finish(err); bad != nil && (err == nil || errors.Is(err, bad)) {
			return w, refuseData(out, fmt.Errorf("%s: block %d: %w", c.Name(), request.Block.Number, bad))
		}
		if err != nil {
			return w, permanentIfPruned(err, c)
		}
		b, err := block.wait(ctx)
		if err != nil {
			return w, err
		}
		summary, err := contents.Check(b, f.Strict)
		if err != nil {
			return w, refuseData(out, fmt.Errorf("%s: %w", c.Name(), err))
		}
		return checkedFile[witnesscheck.Summary]{out, c.Label, summary}, nil
	}
	use := func(w checkedFile[witnesscheck.Summary]) error {
		got.summary, got.from = w.content, w.from
		got.artifact, err = w.Commit()
		return err
	}
	err = f.retryMissing(ctx, WitnessData, request, func(list []Candidate) error {
		return race(ctx, list, fetch, use, func(w checkedFile[witnesscheck.Summary]) { w.Discard() })
	})
	return got, err
}

// nearHead is the number of blocks below the head for which a limit that a node names
// does not count as final. A node whose head has just moved, or one of several nodes
// behind a load balancer, answers the same for a moment.
const nearHead = 8

// permanentIfPruned turns an ErrNoState into a permanent error where the block lies so
// far below the reader's head that the reader has deleted the state.
func permanentIfPruned(err error, c Candidate) error {
	if !errors.Is(err, ErrNoState) || c.Depth == nil {
		return err
	}
	depth, window := c.Depth()
	if window > 0 && depth > window || errors.Is(err, errLimit) && depth > nearHead {
		return contract.Permanent(fmt.Errorf("%w, %d blocks below its head: %w", ErrOutsideWindow, depth, err))
	}
	return err
}

// retryMissing repeats fetch, up to MissingTimeout, while the nodes do not have the
// block or its state yet.
func (f *Fetcher) retryMissing(ctx context.Context, data Data, request FetchRequest, fetch func([]Candidate) error) error {
	deadline := time.Now().Add(cmp.Or(f.MissingTimeout, 10*time.Second))
	pause := 100 * time.Millisecond
	for {
		list, err := f.Supply.Candidates(data, request)
		if err == nil {
			err = fetch(list)
		}
		notYet := errors.Is(err, ErrNotFound) || errors.Is(err, ErrNoState)
		if !notYet || contract.ClassOf(err) != contract.ClassRetryable || !time.Now().Add(pause).Before(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, time.Second)
		case <-ctx.Done():
			return err
		}
	}
}

// storedFile marks the write errors of a file as storeError.
type storedFile struct{ File }

func (s storedFile) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err != nil {
		err = &storeError{err}
	}
	return n, err
}

// limitedWriter refuses more bytes than a limit that may change.
type limitedWriter struct {
	*consumer
	limit   func() int64
	written int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.written += int64(len(p)); l.written > l.limit() {
		return 0, contract.Retryable(&badDataError{fmt.Errorf("the witness is over %d bytes, more than a block of its gas limit can need", l.limit())})
	}
	return l.consumer.Write(p)
}
